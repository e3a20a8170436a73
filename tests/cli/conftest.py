"""How the tests of the command line run it."""

import os
import subprocess
import sys

import pytest

from cli.commandline import Cli, Done
from opsloop.cli import run

PG = ("DATABASE_URL", "PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGUSER", "PGSERVICE", "OPSLOOP_SCHEMA")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command line in this process, with no database configured."""
    for name in PG:
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> Done:
        code = run(list(arguments))
        said = capsys.readouterr()
        return Done(code, said.out, said.err)

    return call


@pytest.fixture
def cli(offline: Cli, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command line in this process, on this test's own database."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("USER", "tester")
    return offline


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
