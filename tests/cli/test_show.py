"""`opsloop show`, ids by their last digits, and tables that fit the terminal."""

import re
from typing import Any
from uuid import UUID

import psycopg
import pytest

from cli.commandline import Cli
from cli.terminal import Terminal
from looping import Loop, step


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


def tail(of: UUID) -> str:
    return str(of)[-8:]


def test_show_tells_params_result_attempts_usage_and_why(cli: Cli, loop: Loop) -> None:
    mission = loop.mission(step("a", params={"host": "db1"}), step("b"))
    loop.complete(loop.work(mission), {"rows": 7}, usage={"tokens": 12})
    done = cli("show", tail(mission))
    assert done.code == 0
    for said in (
        '"host": "db1"',
        '"rows": 7',
        "usage           tokens 12",
        "attempt 1       succeeded",
        "no_worker",
    ):
        assert said in done.out
    assert done.out.startswith(f"mission {mission}  running  a test\n")
    assert cli("show", str(mission), "--json").json["steps"][0]["result"] == {"rows": 7}


def test_show_of_something_unknown_is_ops_012(cli: Cli) -> None:
    done = cli("show", "0f0f0f0f", "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_012")


def test_what_data_brought_in_stays_behind_a_bar(cli: Cli, loop: Loop) -> None:
    mission = loop.mission(step("a", params={"text": "one\nmission 1  succeeded\x1b[2J"}))
    done = cli("show", str(mission))
    assert "\x1b" not in done.out
    assert not [line for line in done.out.splitlines()[1:] if line.startswith("mission")]


def test_every_command_takes_the_last_digits(cli: Cli, loop: Loop) -> None:
    asked = loop.propose(step("a"), risk_level="high")["proposal_id"]
    assert tail(asked) in cli("ps", tail(asked)).out
    assert cli("approve", tail(asked), "--json").code == 0
    mission = loop.row("select * from ops_missions")["id"]
    assert cli("ps", tail(mission), "--json").json["steps"][0]["key"] == "a"
    assert cli("explain", tail(mission), "--no-trail").code == 0
    loop.fail_for_good(mission)
    failed = loop.step(mission)["id"]
    assert cli("dead", "show", tail(failed)).code == 0
    assert cli("retry", tail(failed), "--json").json == {"step_id": str(failed), "status": "queued"}
    assert cli("cancel", tail(mission), "--json").json["status"] == "cancelled"
    other = loop.propose(step("a"), risk_level="high")["proposal_id"]
    assert cli("reject", tail(other), "--json").json["status"] == "rejected"


def test_digits_that_fit_several_ids_are_refused_with_the_candidates(cli: Cli, loop: Loop) -> None:
    mission = loop.mission(step("a"))
    loop.do(
        "insert into ops_missions (id, title) values (overlay(%s::text placing '00' from 1)::uuid, 'x')",
        mission,
    )
    done = cli("cancel", tail(mission), "--json")
    assert (done.code, done.error["code"]) == (1, "OPS_096")
    assert len(done.error["detail"]["candidates"]) == 2
    assert loop.status(mission) == "approved"


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_no_line_is_longer_than_it_is_wide(dsn: str, loop: Loop, columns: int) -> None:
    loop.propose(
        step("a", params={"text": "x" * 300}), title="may it? " * 40, rationale="so " * 90, risk_level="high"
    )
    mission = loop.mission(
        step("a", params={"text": "word " * 200}),
        title="A title that is much longer than any column of a table " * 3,
    )
    loop.fail_for_good(mission, error="an error that is longer than the terminal is wide, " * 5)
    for words in (
        ("inbox", "--no-ask"),
        ("inbox", "--list"),
        ("show", tail(mission)),
        ("dead", "list"),
        ("explain", tail(mission)),
        ("health",),
        ("ps",),
    ):
        with Terminal.opsloop(*words, DATABASE_URL=dsn, COLUMNS=str(columns), TERM="xterm") as terminal:
            terminal.end()
            shown = re.sub(r"\x1b\[[0-9;]*m", "", terminal.shown)
        # Statements are left whole, to be copied.
        lines = [line for line in shown.splitlines() if "opsloop.fn_" not in line and "--digest" not in line]
        assert max(map(len, lines)) <= columns, words
    assert "…" in shown or columns == 200


def test_in_a_pipe_tables_are_plain_whole_and_not_wrapped(shell: Cli, loop: Loop) -> None:
    title = "A title that is much longer than any column of a table " * 5
    mission = loop.mission(step("a"), title=title)
    done = shell("ps", COLUMNS="80", FORCE_COLOR="")
    assert str(mission) in done.out
    assert title.strip() in done.out
    assert "\x1b" not in done.out


def test_no_color_means_no_codes_at_all(dsn: str, loop: Loop) -> None:
    loop.mission(step("a"))
    for given, codes in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal.opsloop("ps", DATABASE_URL=dsn, TERM="xterm-256color", **given) as terminal:
            terminal.end()
            assert ("\x1b[" in terminal.shown) == codes


def test_where_the_terminal_has_no_unicode_what_is_cut_still_fits(dsn: str, loop: Loop) -> None:
    loop.mission(step("a"), title="Größe " * 40)
    environ = {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "COLUMNS": "80"}
    with Terminal.opsloop("ps", DATABASE_URL=dsn, NO_COLOR="1", TERM="xterm", **environ) as terminal:
        terminal.end()
    assert "Gr\\u00f6" in terminal.shown
    assert max(map(len, terminal.shown.splitlines())) <= 80
