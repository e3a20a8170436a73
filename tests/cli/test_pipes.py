"""Commands that show something, without stdin, without stdout, into a pipe that is cut, and on a terminal of 1970."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cli.terminal import Terminal
from looping import Loop, step

COMMANDS = (
    "ps", "inbox --list", "show MISSION", "explain MISSION", "health", "stats", "metrics", "dead list", "pause",
    "dead list --by reason", "policy history auto_approve", "schedule list", "handoff list", "retry --executor noop",
    "purge --older-than 1d --dry-run", "schema ps",
)  # fmt: skip
#: Neither UTF-8 nor colours.
PLAIN = {
    "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "NO_COLOR": "1",
    "TERM": "xterm-256color", "COLUMNS": "80",
}  # fmt: skip


@pytest.fixture
def odd(conn: psycopg.Connection[Any]) -> Loop:
    """A loop in which every list has a row, with text that no terminal should be sent."""
    loop = Loop(conn)
    loop.register(worker="wörker")
    text = "Größe 二行 \x1b[2J\n" * 5
    mission = loop.mission(step("a"), title=text)
    loop.fail_for_good(mission, error=text)
    loop.propose(step("a"), title=text, risk_level="high")
    loop.mission(step("a"), title=text)
    loop.value("select fn_pause('kind', 'größe', 'bob', 'größer')")
    loop.value(
        "select fn_set_schedule('nightly', %s)", {"every_seconds": 60, "event_type": "x", "data": {"t": text}}
    )
    return loop


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_said_wrong_and_nothing_breaks(odd: Loop, dsn: str, tmp_path: Path, command: str) -> None:
    mission = str(odd.row("select id from ops_missions where status = 'failed'")["id"])
    environ = {**os.environ, "DATABASE_URL": dsn, "USER": "ann"}
    words = command.replace("MISSION", mission)
    line = f"{shlex.quote(sys.executable)} -m opsloop {words}"
    started = {
        way: subprocess.Popen(
            ["/bin/sh", "-fc", f"{line} {way}; echo code $?"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for way in ("0<&-", f"1>&- 2>{tmp_path}/err", "| { read line; echo $line; }")
    }
    with Terminal.opsloop(*words.split(), DATABASE_URL=dsn, **PLAIN) as terminal:
        code = terminal.end()
    said = {way: process.communicate(timeout=60) for way, process in started.items()}
    (whole, whole_err), (none, _), (first, first_err) = said.values()

    assert code in (0, 1), terminal.shown
    assert whole_err == first_err == (tmp_path / "err").read_text() == ""
    # Without stdin it answers as ever; without stdout it says that nothing was shown.
    assert whole.endswith(f"code {code}\n")
    assert len(whole.splitlines()) > 1
    assert none == "code 1\n"
    assert len(first.splitlines()) == 2
    for shown in (whole, terminal.shown):
        assert "\x1b" not in shown
    assert terminal.shown.isascii()
    assert "Traceback" not in terminal.shown
