"""How the tests of the command line run it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cli.commandline import Cli, Done
from cli.documented import assert_documented, command_of
from cli.starting import Up
from opsloop.cli import run

PG = ("DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "OPSLOOP_SCHEMA")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line in this process, with no database configured.

    What it prints as JSON must be what the schema of the command says.
    """
    for name in PG:
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Done:
        code = run(list(arguments))
        said = capsys.readouterr()
        command = command_of(arguments)
        if command and code in (0, 1) and said.out and "--json" in arguments and "--watch" not in arguments:
            assert_documented(command, said.out)
        return Done(code, said.out, said.err)

    return call


@pytest.fixture
def cli(offline: Cli, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command line in this process, on this test's own database."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("USER", "tester")
    return offline


@pytest.fixture
def people(conn: psycopg.Connection[Any], dsn: str) -> Any:
    """Connection strings of people who may decide."""
    made = [f"opsloop_test_{name}_{conn.info.backend_pid}" for name in ("ada", "eve", "kim")]
    for name in made:
        conn.execute(f"create role {name} login in role opsloop_operator")  # type: ignore[call-overload]
    yield {name.split("_")[2]: make_conninfo(dsn, user=name) for name in made}
    for name in made:
        conn.execute(f"drop owned by {name}; drop role {name}")  # type: ignore[call-overload]


@pytest.fixture
def shell(dsn: str) -> Cli:
    """Runs a command line as a process of its own, on this test's own database."""

    def call(*arguments: str, stdin: str | bytes = "", **environ: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "opsloop", *arguments],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            check=False,
            timeout=60,
            env={**os.environ, "DATABASE_URL": dsn, "USER": "tester", **environ},
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return call


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts them; what still runs at the end is killed."""
    started: list[Up] = []

    def start_one(dsn: str, *arguments: str, cwd: Path | None = None, **environ: str) -> Up:
        started.append(Up(dsn, tmp_path, *arguments, cwd=cwd, **environ))
        return started[-1]

    yield start_one
    for up in started:
        up.popen.kill()
        up.popen.communicate()


@pytest.fixture
def trial_home() -> Iterator[Path]:
    """Where a trial keeps its data."""
    # Not pytest's directory: the server of root is another user, who could not enter it.
    home = Path(tempfile.mkdtemp(prefix="opsloop-trial-"))
    home.chmod(0o711)
    yield home
    shutil.rmtree(home, ignore_errors=True)
