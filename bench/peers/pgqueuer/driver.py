"""Driver of pgqueuer (asyncpg, uvloop).

A worker claims `batch` jobs with one statement, and logs and deletes as many with another, so large batches are what
makes it fast; no worker limits its concurrency, which would add a count to each claim. Tried for drain, batches in two
processes of one connection each unless said otherwise (best first): 1,000; 500; 500 and 1,000 in four processes; 2,000;
1,000 in one process (a third slower); 250 and 100; a pool instead of the connection, several managers per process as in
pgqueuer's own benchmark (5 × 10: a quarter). Tables are as durable as it can make them, which is its default.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.queries import Queries

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common

DRAIN: dict[str, Any] = {"processes": None, "managers": 1, "pool": 0, "batch": 1000}
LATENCY: dict[str, Any] = {"processes": 1, "managers": 1, "pool": 0, "batch": 10}
BULK: dict[str, Any] = {"connections": 2, "batch": 1000}


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """As pgqueuer's command line does it: on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def _queries(dsn: str) -> tuple[asyncpg.Connection, Queries]:
    connection = await asyncpg.connect(dsn)
    return connection, Queries(AsyncpgDriver(connection))


async def _enqueue(queries: Queries, first: int, number: int, batch: int) -> None:
    for start in range(first, first + number, batch):
        jobs = range(start, min(start + batch, first + number))
        await queries.enqueue(["noop"] * len(jobs), [b"%d" % job for job in jobs], [0] * len(jobs))


def versions(a: argparse.Namespace) -> dict[str, Any]:
    """The versions that are installed."""
    return common.versions("pgqueuer", "pgqueuer", "asyncpg", "uvloop")


def setup(a: argparse.Namespace) -> dict[str, Any]:
    """The schema, as the system installs it."""

    async def main() -> None:
        connection, queries = await _queries(a.dsn)
        await queries.install()
        await connection.close()

    run(main())
    return {"ok": True}


def drain(a: argparse.Namespace) -> dict[str, Any]:
    """No-op jobs, enqueued beforehand, worked off by worker processes."""
    settings = DRAIN | a.set
    workers = settings["processes"] or a.workers
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        connection, queries = runner.run(_queries(a.dsn))
        runner.run(_enqueue(queries, 0, a.n, 1000))
        runner.run(connection.execute("vacuum analyze"))

        def done() -> int:
            return int(a.n - runner.run(connection.fetchval("select count(*) from pgqueuer")))

        seconds = common.timed_drain(a, workers, done, a.n)
        found = runner.run(
            connection.fetchval(
                "select count(distinct job_id) from pgqueuer_log where status = 'successful' having count(*) = $1",
                a.n,
            )
        )
    if found != a.n:
        raise common.WrongError(f"{found} of {a.n} jobs are logged as successful, once each")
    return {"n": a.n, "seconds": seconds, "done": found, "settings": settings | {"processes": workers}}


def sequential(a: argparse.Namespace) -> dict[str, Any]:
    """Workflows of sequential no-op steps."""
    raise common.UnsupportedError("pgqueuer has jobs, no workflows of checkpointed steps")


def enqueue(a: argparse.Namespace) -> dict[str, Any]:
    """Jobs put into the queue, with no worker running."""
    settings: dict[str, Any] = {"connections": 1, "batch": 1} if a.mode == "single" else BULK | a.set

    async def main() -> float:
        opened = [await _queries(a.dsn) for _ in range(settings["connections"])]
        for _, queries in opened:
            await queries.enqueue("warm", None)
        share = -(-a.n // len(opened))
        began = perf_counter()
        if a.mode == "single":
            for job in range(a.n):
                await opened[0][1].enqueue("noop", b"%d" % job)
        else:
            await asyncio.gather(
                *(
                    _enqueue(queries, i * share, min(share, a.n - i * share), settings["batch"])
                    for i, (_, queries) in enumerate(opened)
                )
            )
        took = perf_counter() - began
        found = await opened[0][0].fetchval("select count(*) from pgqueuer where entrypoint = 'noop'")
        if found != a.n:
            raise common.WrongError(f"{found} of {a.n} jobs are in the queue")
        return took

    return {"n": a.n, "seconds": run(main()), "settings": settings}


def latency(a: argparse.Namespace) -> dict[str, Any]:
    """From enqueue to the handler's start, on an idle worker."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        connection, queries = runner.run(_queries(a.dsn))

        def send(job: int) -> None:
            runner.run(queries.enqueue("noop", b"%d" % job))

        def finished(jobs: int) -> bool:
            return not runner.run(connection.fetchval("select count(*) from pgqueuer"))

        return {"n": a.n, "ms": common.timed_latencies(a, send, finished), "settings": LATENCY | a.set}


def work(a: argparse.Namespace) -> None:
    """A worker process."""
    settings = (LATENCY if a.task == "latency" else DRAIN) | a.set
    mark = common.marking(a)

    async def main() -> None:
        managers = []
        for _ in range(settings["managers"]):
            if settings["pool"]:
                pool = await asyncpg.create_pool(a.dsn, min_size=settings["pool"], max_size=settings["pool"])
                manager = PgQueuer(AsyncpgPoolDriver(pool))
            else:
                manager = PgQueuer(AsyncpgDriver(await asyncpg.connect(a.dsn)))

            @manager.entrypoint("noop", accepts_context=False)
            async def noop(job: Any) -> None:
                mark(int(job.payload))

            managers.append(manager)
        common.wait_for_go()
        await asyncio.gather(
            *(
                manager.run(batch_size=settings["batch"], dequeue_timeout=timedelta(seconds=30))
                for manager in managers
            )
        )

    run(main())


if __name__ == "__main__":
    common.main(
        {
            "versions": versions,
            "sequential": sequential,
            "setup": setup,
            "drain": drain,
            "enqueue": enqueue,
            "latency": latency,
        },
        work,
    )
