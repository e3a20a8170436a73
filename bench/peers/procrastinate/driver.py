"""Driver of procrastinate (psycopg, its C implementation; uvloop).

A worker fetches one job after the other and finishes each with a statement of its own, so speed comes from fetching in
several places at once: several workers per process share a pool. Tried for drain, as workers per process × concurrency
and pool, in two processes unless said otherwise (best first): 8 × 4 and 16; 4 × 4 and 8 in four processes; 2 × 10 and
8; 4 × 10 and 10; one worker with concurrency 10 in one, two and four processes; one with 50 (slowest). Deleting jobs
instead of keeping them (`delete_jobs`) was no faster: they are kept, as by default. For latency the worker listens.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg
import uvloop
from procrastinate import App, PsycopgConnector

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common

DRAIN: dict[str, Any] = {"processes": None, "loops": 8, "concurrency": 4, "pool": 16, "delete_jobs": "never"}
LATENCY: dict[str, Any] = {"processes": 1, "loops": 1, "concurrency": 1, "pool": 4, "delete_jobs": "never"}
BULK: dict[str, Any] = {"connections": 2, "batch": 1000}


def app_of(dsn: str, pool: int) -> App:
    """The application, with a pool of that many connections."""
    return App(connector=PsycopgConnector(conninfo=dsn, min_size=pool, max_size=pool))


def loop() -> asyncio.Runner:
    """An event loop, the fast one."""
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _enqueue(app: App, first: int, number: int, batch: int) -> None:
    deferrer = app.configure_task("noop")
    for start in range(first, first + number, batch):
        await deferrer.batch_defer_async(
            *({"job": job} for job in range(start, min(start + batch, first + number)))
        )


def versions(a: argparse.Namespace) -> dict[str, Any]:
    """The versions that are installed."""
    return common.versions("procrastinate", "procrastinate", "psycopg", "psycopg-binary", "uvloop")


def setup(a: argparse.Namespace) -> dict[str, Any]:
    """The schema, as the system installs it."""

    async def main() -> None:
        app = app_of(a.dsn, 1)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()

    with loop() as runner:
        runner.run(main())
    return {"ok": True}


def drain(a: argparse.Namespace) -> dict[str, Any]:
    """No-op jobs, enqueued beforehand, worked off by worker processes."""
    settings = DRAIN | a.set
    workers = settings["processes"] or a.workers

    async def fill() -> None:
        app = app_of(a.dsn, 1)
        async with app.open_async():
            await _enqueue(app, 0, a.n, 1000)

    with loop() as runner:
        runner.run(fill())
    with psycopg.connect(a.dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        query = "select count(*) from procrastinate_jobs where status in ('todo', 'doing')"
        seconds = common.timed_drain(
            a, workers, lambda: int(a.n - connection.execute(query).fetchone()[0]), a.n
        )
        if settings["delete_jobs"] == "never":
            (found,) = connection.execute(
                "select count(*) from procrastinate_jobs j where status = 'succeeded' and attempts = 1 and "
                "(select count(*) from procrastinate_events e where e.job_id = j.id and type = 'succeeded') = 1"
            ).fetchone()
        else:
            (found,) = connection.execute("select %s - count(*) from procrastinate_jobs", (a.n,)).fetchone()
    if found != a.n:
        raise common.WrongError(f"{found} of {a.n} jobs succeeded, once each")
    return {"n": a.n, "seconds": seconds, "done": found, "settings": settings | {"processes": workers}}


def sequential(a: argparse.Namespace) -> dict[str, Any]:
    """Workflows of sequential no-op steps."""
    raise common.UnsupportedError("procrastinate has jobs, no workflows of checkpointed steps")


def enqueue(a: argparse.Namespace) -> dict[str, Any]:
    """Jobs put into the queue, with no worker running."""
    settings: dict[str, Any] = {"connections": 1, "batch": 1} if a.mode == "single" else BULK | a.set

    async def main() -> float:
        app = app_of(a.dsn, settings["connections"])
        async with app.open_async():
            deferrer = app.configure_task("noop")
            await app.configure_task("warm").defer_async(job=0)
            share = -(-a.n // settings["connections"])
            began = perf_counter()
            if a.mode == "single":
                for job in range(a.n):
                    await deferrer.defer_async(job=job)
            else:
                await asyncio.gather(
                    *(
                        _enqueue(app, i * share, min(share, a.n - i * share), settings["batch"])
                        for i in range(settings["connections"])
                    )
                )
            return perf_counter() - began

    with loop() as runner:
        seconds = runner.run(main())
    with psycopg.connect(a.dsn) as connection:
        (found,) = connection.execute(
            "select count(*) from procrastinate_jobs where task_name = 'noop'"
        ).fetchone()
    if found != a.n:
        raise common.WrongError(f"{found} of {a.n} jobs are in the queue")
    return {"n": a.n, "seconds": seconds, "settings": settings}


def latency(a: argparse.Namespace) -> dict[str, Any]:
    """From enqueue to the handler's start, on an idle worker."""
    settings = LATENCY | a.set
    app = app_of(a.dsn, 1)
    with loop() as runner, psycopg.connect(a.dsn, autocommit=True) as connection:
        runner.run(app.open_async().__aenter__())
        deferrer = app.configure_task("noop")

        def finished(jobs: int) -> bool:
            query = "select 1 from procrastinate_jobs where status in ('todo', 'doing') limit 1"
            return connection.execute(query).fetchone() is None

        found = common.timed_latencies(a, lambda job: runner.run(deferrer.defer_async(job=job)), finished)
        runner.run(app.close_async())
    return {"n": a.n, "ms": found, "settings": settings}


def work(a: argparse.Namespace) -> None:
    """A worker process."""
    logging.disable(logging.WARNING)
    settings = (LATENCY if a.task == "latency" else DRAIN) | a.set
    mark = common.marking(a)
    app = app_of(a.dsn, settings["pool"])

    @app.task(name="noop")
    async def noop(job: int) -> None:
        mark(job)

    async def main() -> None:
        async with app.open_async():
            common.wait_for_go()
            await asyncio.gather(
                *(
                    app.run_worker_async(
                        concurrency=settings["concurrency"],
                        delete_jobs=settings["delete_jobs"],
                        install_signal_handlers=False,
                        listen_notify=a.task == "latency",
                    )
                    for _ in range(settings["loops"])
                )
            )

    with loop() as runner:
        runner.run(main())


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
