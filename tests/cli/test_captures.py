"""What the command line shows of 5,000 missions in odd states, on a screen of 80 × 24 and on one of 200 columns."""

import time
from typing import Any

import psycopg
import pytest

from cli.commandline import Cli
from cli.screen import Screen
from harness.odd import missions
from looping import Loop
from opsloop import Client

COMMANDS = {
    "ps": ["ps"],
    "inbox": ["inbox", "--list", "--limit", "18"],
    "show": ["show", "MISSION", "--no-trail"],
    "health": ["health"],
    "stats": ["stats"],
    "dead list": ["dead", "list", "--limit", "18"],
    "dead list --by reason": ["dead", "list", "--by", "reason"],
}


@pytest.fixture
def odd(conn: psycopg.Connection[Any]) -> Loop:
    missions(Client(conn), 500)
    return Loop(conn)


@pytest.mark.timeout(400)
def test_nothing_is_wrapped_and_what_is_wrong_stands_first(odd: Loop, dsn: str, shell: Cli) -> None:
    mission = odd.row("select id from ops_missions where title like 'held%%' limit 1")["id"]
    slowest: dict[str, float] = {}
    for name, words in COMMANDS.items():
        arguments = [str(mission)[-8:] if word == "MISSION" else word for word in words]
        for columns in (80, 200):
            begin = time.monotonic()
            with Screen(*arguments, columns=columns, lines=200, DATABASE_URL=dsn, LINES="24") as screen:
                screen.end()
            slowest[name] = max(slowest.get(name, 0), time.monotonic() - begin)
            lines = screen.shown.rstrip().splitlines()
            print(f"--- {name}, {columns} columns", *lines[:24], sep="\n")
            assert lines, name
            if name in ("ps", "inbox", "dead list", "stats"):
                assert len(lines) <= 24, (name, columns)
            if name == "ps":
                assert lines[0].startswith("paused: 1")
                assert lines[1].startswith("stuck missions: ")
                assert "stuck: 1 " in next(line for line in lines if "Größe" in line)
            if name == "health":
                assert lines[2].startswith(("fail", "warn"))
    print({name: f"{seconds:.2f} s" for name, seconds in slowest.items()})
    for words in (["ps"], ["health"], ["dead", "list"]):
        done = shell(*words, LANG="C", LC_ALL="C", NO_COLOR="1", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        assert "\x1b" not in done.out
        assert done.out.isascii()
