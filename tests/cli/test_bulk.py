"""Acting on many by a filter: shown first, done with --yes, each refusal named."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from cli.commandline import Cli
from looping import Loop, step


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


@pytest.fixture
def failed(loop: Loop) -> list[UUID]:
    loop.register()
    made = []
    for number in range(3):
        made.append(loop.mission(step("a"), title=f"m{number}"))
        loop.fail_for_good(made[-1], error=f"no room on disk {number}")
    return made


def test_without_yes_it_only_shows_what_it_would_do(cli: Cli, loop: Loop, failed: list[UUID]) -> None:
    before = loop.contents()
    done = cli("retry", "--error", "no room*")
    assert (done.code, "3 steps to retry; nothing was changed" in done.out) == (0, True)
    assert "no room on disk 2" in done.out
    assert [one["was"] for one in cli("retry", "--executor", "noop", "--json").json] == ["failed"] * 3
    assert cli("retry", "--error", "else").out == "no steps fit\n"
    assert loop.contents() == before


def test_with_yes_all_that_fit_run_again(cli: Cli, loop: Loop, failed: list[UUID]) -> None:
    done = cli("retry", "--error", "*disk 1", "--yes", "--json").json
    assert done == {"found": 1, "done": 1, "refused": []}
    assert loop.status(failed[1]) == "running"
    assert cli("retry", "--kind", "noop", "--yes").code == 0
    assert {loop.status(m) for m in failed} == {"running"}


def test_a_status_that_there_is_not_is_named(cli: Cli) -> None:
    for line in ("retry --status faild", "cancel --status pending --yes"):
        done = cli(*line.split(), "--json")
        assert (done.code, done.error["code"]) == (2, "OPS_018")
        assert line.split()[2] in done.error["message"]
        assert "running" in done.error["message"]
    assert cli("cancel", "--status", "open").code == 0


def test_a_group_is_found_and_put_back(cli: Cli, loop: Loop, failed: list[UUID]) -> None:
    (group,) = cli("dead", "list", "--by", "reason", "--json").json
    assert (group["pattern"], group["letters"]) == ("no room on disk #", 3)
    shown = cli("dead", "list", "--by", "reason").out
    assert f"opsloop dead redrive --group {group['group_key']}" in shown
    assert len(cli("dead", "list", "--group", group["group_key"], "--json").json) == 3
    assert cli("dead", "redrive", "--group", group["group_key"], "--yes").code == 0
    assert {loop.status(m) for m in failed} == {"running"}


def test_each_refusal_is_named_and_the_exit_code_tells(cli: Cli, loop: Loop, failed: list[UUID]) -> None:
    loop.policy("worker_policy", blocked_executors=[], command_allow=[["true"]])
    loop.register(executors={"command": {}, "noop": {}})
    mission = loop.mission(step("a", kind="command", params={"argv": ["true"]}))
    loop.fail_for_good(mission)
    loop.policy("worker_policy", command_allow=[])
    done = cli("retry", "--status", "failed", "--yes")
    assert done.code == 1
    assert f"step {loop.step(mission)['id']}: OPS_003: " in done.out
    assert "3 of 4 steps: retry is done; 1 refused" in done.out


def test_open_missions_are_cancelled_by_a_filter(cli: Cli, loop: Loop, failed: list[UUID]) -> None:
    for number in range(3):
        loop.mission(step("a"), title=f"later {number}")
    assert "3 missions to cancel" in cli("cancel", "--title", "later*").out
    assert cli("cancel", "--title", "later*", "--limit", "2", "--yes", "--json").json["done"] == 2
    assert cli("cancel", "--source", "manual", "--yes", "--json").json["done"] == 1
    assert {loop.status(m) for m in failed} == {"failed"}


def test_held_steps_are_resolved_by_a_filter(cli: Cli, loop: Loop) -> None:
    loop.register()
    missions = [loop.mission(step("a", on_lease_lost="hold")) for _ in range(2)]
    loop.claim(2)
    loop.do("update ops_mission_steps set lease_expires_at = now() - interval '1 hour'")
    loop.do("update ops_timers set due_at = now() - interval '1 hour'")
    loop.turn()
    assert "2 steps to resolve" in cli("resolve", "succeeded", "--code", "OPS_010").out
    assert cli("resolve", "succeeded", "--code", "OPS_010", "--yes", "--json").json["done"] == 2
    assert [loop.status(m) for m in missions] == ["succeeded"] * 2


@pytest.mark.parametrize(
    "line",
    [
        "retry",
        "cancel",
        "resolve succeeded",
        "resolve maybe --kind noop",
        "retry 0f0f0f0f --kind noop",
        "resolve",
    ],
)
def test_either_an_id_or_a_filter_is_needed(offline: Cli, line: str) -> None:
    assert offline(*line.split()).code == 2


def test_a_filter_that_cannot_be_is_ops_018(cli: Cli) -> None:
    done = cli("retry", "--since", "soon", "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")


def test_a_time_without_a_zone_is_in_that_of_the_session_as_help_says(
    cli: Cli, failed: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%d %H:%M}"
    for zone, found in (("UTC", 3), ("Pacific/Honolulu", 0), ("Pacific/Kiritimati", 3)):
        monkeypatch.setenv("PGTZ", zone)
        assert len(cli("retry", "--since", now, "--json").json) == found
    for line in ("retry", "dead list", "schedule backfill"):
        assert "(PGTZ)" in cli(*line.split(), "--help").out
