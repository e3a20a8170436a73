"""How the tests of the command line run it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.commandline import Cli, Done
from cli.starting import Up
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
