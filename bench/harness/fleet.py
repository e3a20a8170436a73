"""Worker processes, started as an operator would start them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness import engine

_PATIENCE = 300.0
_IDLE = "select count(*) from ops_workers where idle and stopped_at is null"
#: A worker that has declared itself idle looks once more, and then sleeps.
_FALLING_ASLEEP = 0.2


@dataclass
class Worker:
    """A worker process and its log."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def wait(self) -> None:
        """Wait until it ends by itself; raises with its last words when that was not in order."""
        code = self.process.wait(_PATIENCE)
        if code != 0:
            raise AssertionError(f"a worker ended with {code}: {self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        self.log.seek(0)
        return " / ".join(self.log.read().decode(errors="replace").strip().splitlines()[-3:])


@contextmanager
def workers(
    dsn: str, number: int, *arguments: str, env: dict[str, str] | None = None
) -> Iterator[list[Worker]]:
    """Worker processes while the block runs; those that still run at its end are stopped."""
    running: list[Worker] = []
    own = {"DATABASE_URL": dsn, "PYTHONPATH": str(Path(__file__).parents[1]), **(env or {})}
    command = [sys.executable, "-m", "opsloop.worker", "--log-level", "warning", *arguments]
    try:
        for _ in range(number):
            log = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
            process = subprocess.Popen(
                command,
                env={**os.environ, **own},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
            running.append(Worker(process, log))
        yield running
    finally:
        for worker in running:
            if worker.process.poll() is None:
                worker.process.terminate()
        for worker in running:
            _end(worker.process)
            worker.log.close()


def drain(dsn: str, number: int, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run worker processes until nothing is left to do."""
    with workers(dsn, number, "--drain", *arguments, env=env) as running:
        for worker in running:
            worker.wait()


@contextmanager
def idle_workers(dsn: str, number: int, *arguments: str) -> Iterator[list[Worker]]:
    """Workers that are all up, connected and asleep when the block begins."""
    with workers(dsn, number, *arguments) as running:
        all_asleep(dsn, running)
        yield running


def all_asleep(dsn: str, running: Sequence[Worker]) -> None:
    """Wait until all workers sleep for want of work."""
    number = len(running)
    with engine.connect(dsn) as conn:
        until(f"{number} workers are idle", lambda: conn.execute(_IDLE).fetchone() == (number,), running)
    time.sleep(_FALLING_ASLEEP)


def until(
    what: str, condition: Callable[[], bool], running: Sequence[Worker] = (), pause: float = 0.05
) -> None:
    """Wait for a condition; raises when it takes too long, or a worker has ended meanwhile."""
    ends = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"not within {_PATIENCE:.0f} s: {what}")
        for worker in running:
            if worker.process.poll() is not None:
                raise AssertionError(f"a worker ended before this: {what}: {worker.last_words()}")
        time.sleep(pause)


def all_done(dsn: str, running: Sequence[Worker]) -> None:
    """Wait until no mission is open."""
    with engine.connect(dsn) as conn:
        until("all missions have ended", lambda: engine.all_succeeded(conn), running, 0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
