"""`opsloop handoff` and `opsloop directive`: moving directives, and why they do not move."""

import json

import pytest

from cli.commandline import Cli
from looping import Loop
from tracked import directive

GATES = '{"TESTING": {"passed": true, "score": %s, "maxScore": 100}}'


@pytest.fixture(autouse=True)
def _directive(connect):
    directive(Loop(connect()), sd_type="security")


def test_a_handoff_that_is_blocked_says_by_how_much_and_exits_with_1(cli: Cli, tmp_path) -> None:
    file = tmp_path / "gates.json"
    file.write_text(GATES % "89.9")
    done = cli("handoff", "execute", "EXEC-TO-PLAN", "SD-d1", "--gates", str(file))
    assert done.code == 1
    assert "blocked: OPS_078: SD type 'security' requires 90% gate score, got 89.90%" in done.out
    assert "TESTING: passed, 89.9 of 100" in done.out


def test_a_handoff_that_passes_says_where_the_directive_is_now(cli: Cli) -> None:
    words = [
        "handoff",
        "execute",
        "EXEC-TO-PLAN",
        "SD-d1",
        "--prd",
        "d1-p",
        "--gates",
        GATES % 90,
        "--request",
        "r",
    ]
    done = cli(*words)
    assert (done.code, done.out.splitlines()[0]) == (0, "accepted: d1 is in phase EXEC_COMPLETE")
    assert "as before" in cli(*words).out
    assert cli(*words, "--json").json["idempotent_hit"] is True


def test_refusals_and_failures_exit_with_1_and_say_what_to_do(cli: Cli) -> None:
    for words, said in (
        (["PLAN-TO-LEAD", "d1", "--gates", GATES % 90], "rejected: OPS_072"),
        (["EXEC-TO-PLAN", "nowhere"], "refused: OPS_012"),
        (["EXEC-TO-PLAN", "d1"], "blocked: OPS_078: EXEC-TO-PLAN needs gate results"),
        (["EXEC-TO-PLAN", "d1", "--prd", "x", "--gates", GATES % 90], "failed in   4b. Transition PRD"),
    ):
        done = cli("handoff", "execute", *words)
        assert (done.code, said in done.out) == (1, True), done.out
        assert "  do  " in done.out


@pytest.mark.parametrize("gates", ["/nowhere.json", "{", "{]", '{"A": 1, "A": 2}'])
def test_gates_that_cannot_be_read_exit_with_2(cli: Cli, gates) -> None:
    assert cli("handoff", "execute", "EXEC-TO-PLAN", "d1", "--gates", gates).code == 2


def test_handoffs_are_listed_with_scores_against_the_threshold(cli: Cli) -> None:
    assert cli("handoff", "list").out == "no handoffs\n"
    cli("handoff", "execute", "EXEC-TO-PLAN", "d1", "--gates", GATES % "89.9")
    listed = cli("handoff", "list", "--sd", "SD-d1")
    assert "89.90 of 90" in listed.out
    assert [h["status"] for h in cli("handoff", "list", "--status", "blocked", "--json").json] == ["blocked"]
    assert cli("handoff", "list", "--status", "accepted", "--json").json == []


def test_a_directive_is_shown_with_what_keeps_it(cli: Cli, connect) -> None:
    assert "nothing keeps it" in cli("directive", "show", "d1").out
    cli("handoff", "execute", "EXEC-TO-PLAN", "d1", "--gates", GATES % "89.9")
    connect().execute("select fn_claim_directive('d1', 's7')")
    done = cli("directive", "show", "SD-d1")
    assert done.code == 0
    for part in (
        "EXEC_IMPLEMENTATION",
        "version       1",
        "session s7",
        "select fn_release_directive",
        "0.10 short",
    ):
        assert part in done.out
    shown = cli("directive", "show", "d1", "--json").json
    assert [r["reason"] for r in shown["reasons"]] == ["claim", "gate"]
    assert cli("directive", "show", "nowhere").code == 1
    json.dumps(shown)
