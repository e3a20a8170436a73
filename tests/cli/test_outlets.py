"""What cannot be printed changes nothing of what was done."""

import os
import shlex
import subprocess
import sys
from typing import Any

import psycopg
import pytest

TEMPLATE = '{"title": "Hello", "steps": [{"kind": "noop"}]}'


@pytest.mark.parametrize("redirection", ["1>&-", "1>/dev/full", "1>&- 2>&-", "0<&- 1>&- 2>&-", "2>/dev/full"])
def test_a_proposal_is_made_whether_or_not_its_id_can_be_printed(
    dsn: str, conn: psycopg.Connection[Any], redirection: str
) -> None:
    told = "2" not in redirection
    nobody = "OPS_005: no live worker offers noop; such steps wait until one does\n" if told else ""
    assert shell(dsn, f"propose '{TEMPLATE}' {redirection}") == (0, nobody)
    assert conn.execute("select count(*) from ops_mission_proposals").fetchall() == [(1,)]


def test_a_command_that_only_shows_something_says_that_it_could_not(dsn: str) -> None:
    assert shell(dsn, "ps >/dev/full") == (1, "")
    assert shell(dsn, "list workers >/dev/full") == (1, "")
    assert shell(dsn, "ps | head -c 0; exit 0") == (0, "")


def shell(dsn: str, command: str) -> tuple[int, str]:
    """Run a command line in a shell; exit code, and what is on stderr."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.quote(sys.executable)} -m opsloop {command}"],
        env={**os.environ, "DATABASE_URL": dsn},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr
