"""`opsloop ps`: counts on top, what is wrong first, and no more than the screen has room for."""

import re
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from cli.terminal import Terminal
from looping import Loop, step


@pytest.fixture
def loop(conn: psycopg.Connection[Any]) -> Loop:
    return Loop(conn)


@pytest.fixture
def odd(loop: Loop) -> Loop:
    """Many missions that nobody runs, older than many that wait for their turn; one has failed."""
    loop.allow()
    loop.fail_for_good(loop.mission(step("a"), title="broken"), error="it exploded")
    for number in range(40):
        loop.mission(
            step("a", kind="http", params={"url": "https://example.org"}), title=f"nobody runs it {number}"
        )
    loop.register()
    for number in range(40):
        loop.mission(step("a"), title=f"next {number}")
    loop.propose(step("a"), title="may it?", risk_level="high")
    return loop


def lines(shown: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).splitlines()


def test_what_is_wrong_stands_first(cli: Cli, odd: Loop) -> None:
    shown = cli("ps").out.splitlines()
    assert shown[0] == "stuck missions: 40 no worker"
    assert "nobody runs it 39" in shown[shown.index("Missions") + 2]
    assert "stuck: 1 no worker" in shown[shown.index("Missions") + 2]


def test_only_what_is_stuck_is_listed_on_demand(cli: Cli, odd: Loop) -> None:
    found = cli("ps", "--stuck", "--json", "--limit", "100").json
    assert {m["stuck"] for m in found["missions"]} == {"1 no worker"}
    assert (len(found["missions"]), found["steps"]) == (40, [])
    assert [(one["reason"], one["missions"]) for one in found["stuck"]] == [("no worker", 40)]
    assert cli("ps", "--stuck", "--status", "running").code == 2


@pytest.mark.parametrize("words", [("ps",), ("ps", "--stuck"), ("ps", "--status", "queued")])
def test_it_fits_a_screen_of_24_lines_of_80(dsn: str, odd: Loop, words: tuple[str, ...]) -> None:
    with Terminal.opsloop(*words, DATABASE_URL=dsn, COLUMNS="80", LINES="24", TERM="xterm") as terminal:
        terminal.end()
    shown = lines(terminal.shown)
    assert 8 < len(shown) <= 23
    assert max(map(len, shown)) <= 80


def test_watching_never_scrolls(dsn: str, odd: Loop) -> None:
    with Terminal.opsloop(
        "ps", "--watch", DATABASE_URL=dsn, COLUMNS="80", LINES="24", TERM="xterm"
    ) as terminal:
        terminal.until("Steps")
        odd.do("update ops_missions set title = 'seen again'")
        terminal.until("seen again")
        terminal.until("Steps")
        terminal.interrupt()
    # Each look goes back up to where it began.
    ups = [len(re.findall(r"\x1b\[1A", part)) for part in terminal.shown.split("stuck missions")[1:]]
    assert max(ups) <= 23
