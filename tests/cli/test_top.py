"""`opsloop top` on a terminal of 80 × 24: it is live, and its keys decide on what was shown."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from cli.screen import Screen
from looping import Loop, step
from support import wait_until


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


@pytest.fixture
def top(dsn: str) -> Iterator[Any]:
    started: list[Screen] = []

    def start() -> Screen:
        started.append(Screen("top", DATABASE_URL=dsn))
        return started[-1].__enter__()

    yield start
    for one in started:
        one.__exit__(None, None, None)


def test_a_proposal_is_approved_once_it_was_shown(loop: Loop, top: Any) -> None:
    loop.register()
    proposal = loop.propose(step("a", params={"host": "db1"}), title="Clean the disk", risk_level="high")
    screen = top()
    screen.until("high: Clean the disk")
    screen.type("a")
    assert "Clean the disk" in screen.until('host: "db1"')
    screen.type("n")
    screen.until(lambda shown: '"db1"' not in shown)
    assert loop.row("select status from ops_mission_proposals")["status"] == "pending"
    screen.type("a")
    screen.until('host: "db1"')
    screen.type("y")
    wait_until(lambda: loop.rows("select from ops_missions"), "it is approved")
    screen.until(lambda shown: "high: Clean the disk" not in shown)
    assert loop.row(
        "select decided_by from ops_mission_proposals where id = %s", proposal["proposal_id"]
    ) == {"decided_by": "ann"}
    screen.type("q")
    assert screen.end() == 0


def test_it_is_live_and_an_executor_is_paused_and_resumed(loop: Loop, top: Any) -> None:
    mission = loop.mission(step("a"))
    screen = top()
    screen.until("stuck missions: 1 no worker")
    loop.register()
    screen.until(lambda shown: "stuck" not in shown)
    screen.type("\t")
    screen.type("p")
    screen.until("pause executor noop")
    screen.type("y")
    screen.until("noop (paused)")
    assert loop.row("select scope, target, paused_by from ops_pauses") == {
        "scope": "executor", "target": "noop", "paused_by": "ann",
    }  # fmt: skip
    screen.type("p")
    screen.until("resume executor noop")
    screen.type("y")
    screen.until(lambda shown: "(paused)" not in shown and "resume executor" not in shown)
    assert loop.status(mission) == "approved"


def test_a_failed_step_is_retried_and_a_stuck_mission_cancelled(loop: Loop, top: Any) -> None:
    loop.register()
    mission = loop.mission(step("a"))
    loop.fail_for_good(mission, error="no such host")
    screen = top()
    screen.until("no such host")
    screen.type("r")
    screen.until("retry step")
    screen.type("y")
    wait_until(lambda: loop.status(mission) == "running", "it runs again")
    loop.do("update ops_workers set last_seen_at = now() - interval '1 hour'")
    screen.until("stuck missions: 1 no worker")
    # The cursor has stayed on the step; the mission stands above it.
    screen.type("\x1b[A")
    screen.type("c")
    screen.until("cancel mission")
    screen.type("y")
    wait_until(lambda: loop.status(mission) == "cancelled", "it is cancelled")


def test_every_line_fits(loop: Loop, top: Any) -> None:
    for number in range(60):
        loop.propose(step("a"), title=f"{number} " + "a title longer than the screen " * 4, risk_level="high")
    # A screen is read while it is drawn: at first with some of its lines.
    shown = top().until(lambda shown: shown.count("proposal") > 10)
    assert len(shown.splitlines()) <= 24
    assert max(map(len, shown.splitlines())) <= 80


def test_without_a_terminal_it_is_refused(cli: Cli) -> None:
    done = cli("top", "--json")
    assert (done.code, done.error["code"]) == (2, "OPS_018")
