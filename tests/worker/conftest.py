"""Work in this test's database, and workers on it: in this process, or in processes of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from opsloop.database import Database
from opsloop.executors import builtin
from opsloop.worker import Mode, Options, Worker
from worker.working import Process, Work


@pytest.fixture
def work(conn: psycopg.Connection[Any]) -> Work:
    """Makes steps in this test's database."""
    return Work(conn)


@pytest.fixture
def start(dsn: str, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts worker processes on this test's database; what still runs at the end is killed."""
    started: list[Process] = []

    def start_one(*arguments: str, **env: str) -> Process:
        started.append(Process(dsn, tmp_path, *arguments, **env))
        return started[-1]

    yield start_one
    for process in started:
        process.popen.kill()
        process.end()


@pytest.fixture
def drain(dsn: str) -> Callable[..., Any]:
    """Runs a worker in this process, with these executors besides the built-in ones, until nothing is queued."""

    async def run(*functions: Any, only: set[str] | None = None, **options: Any) -> Worker:
        registry = builtin(None)
        if functions:
            registry.add(list(functions))
        if only is not None:
            registry.keep(only)
        worker = Worker(
            Database(dsn), registry, Options(**{"mode": Mode.DRAIN, "heartbeat": None, **options})
        )
        try:
            await worker.run()
        finally:
            await worker.close()
        return worker

    return run
