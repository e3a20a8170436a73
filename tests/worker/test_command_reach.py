"""What a program that a worker starts can see of that worker: a real worker, of a user that is not root."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from looping import Loop, step

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

#: A worker as an ordinary user begins it. Root first imports what that user could not read; and a process that changes
#: its user is closed already, which one that a user starts is not.
WORKER = """
import ctypes, os, sys
from opsloop.cli import run
work = ["worker", "--drain", "--log-level", "error"]
user = int(sys.argv[1])
if user != os.geteuid():
    assert run([*work, "--executors", "noop"]) == 0
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    assert ctypes.CDLL(None).prctl(4, 1, 0, 0, 0) == 0
sys.exit(run([*work, "--executors", "command"]))
"""
LOOK = """
for file in environ maps; do
  if head -c 1 /proc/$PPID/$file >/dev/null; then echo open $file; else echo closed $file; fi
done
tr '\\0' '\\n' </proc/$PPID/environ
tr '\\0' '\\n' </proc/self/environ
id -u"""


def user_of(dsn: str) -> int:
    """Who is not root and reaches the server: the user that owns its sockets, else any."""
    host = str(conninfo_to_dict(dsn).get("host", ""))
    return Path(host).stat().st_uid if host.startswith("/") and Path(host).exists() else 65534


def test_a_command_does_not_read_the_environment_of_its_worker(conn: psycopg.Connection, dsn: str) -> None:
    user = user_of(dsn) if os.geteuid() == 0 else os.geteuid()
    loop = Loop(conn)
    loop.allow("command", max_risk_level="high")
    loop.policy("worker_policy", command_allow=[["sh", "-c", "..."]])
    mission = loop.mission(step("a", "command", params={"argv": ["sh", "-c", LOOK]}, max_retries=1))
    env = {"PATH": os.environ["PATH"], "DATABASE_URL": dsn, "OUR_KEY": "s3cret"}
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(user)],
        env=env,
        cwd="/",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ended = loop.step(mission)
    assert ended["status"] == "succeeded", ended["last_error"]
    said = ended["result"]["stdout"]
    assert said.splitlines()[:2] == ["closed environ", "closed maps"]
    assert said.splitlines()[-1] == str(user)
    assert "s3cret" not in said
    assert "DATABASE_URL" not in said
