"""A worker and the schema fit by a number, whatever the releases of the two are."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from opsloop.compatibility import COMPATIBILITY
from opsloop.database import Database
from opsloop.errors import SchemaMismatch
from opsloop.executors import builtin
from opsloop.worker import Options, loop
from upgrade.deploying import renumber
from worker.working import Process, Work

Start = Callable[..., Process]


@pytest.mark.parametrize(
    ("ahead", "said"),
    [(-1, "older than this package"), (2, "too new for this package: `pip install --upgrade")],
)
def test_a_worker_refuses_a_schema_that_does_not_serve_its_package(
    conn: psycopg.Connection[Any], start: Start, ahead: int, said: str
) -> None:
    renumber(conn, COMPATIBILITY + ahead)
    worker = start("--once")

    assert worker.end() == (1, "")
    assert worker.said().startswith("OPS_021: the schema is ")
    assert said in worker.said()
    assert conn.execute("select count(*) from ops_workers where stopped_at is null").fetchone() == (0,)


def test_a_worker_of_the_last_number_works_whatever_the_release(
    work: Work, start: Start, conn: psycopg.Connection[Any]
) -> None:
    renumber(conn, COMPATIBILITY + 1)
    conn.execute("update opsloop_schema_change set version = '99.0.0' where version is not null")
    start()
    work.wait_for(work.step("noop"), "succeeded")


async def test_a_worker_ends_when_the_schema_stops_serving_it(
    work: Work, dsn: str, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_REFRESH", 0.05)
    worker = loop.Worker(Database(dsn), builtin(None), Options())
    running = asyncio.create_task(worker.run())
    await asyncio.to_thread(work.wait_for, work.step("noop"), "succeeded")
    renumber(conn, COMPATIBILITY + 2)
    with pytest.raises(SchemaMismatch, match="too new for this package"):
        await asyncio.wait_for(running, 20)
    await worker.close()
