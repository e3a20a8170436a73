"""Driver of absurd (absurd-sdk on psycopg; the schema is the one that absurdctl brings).

The SDK fetches a task's checkpoints and completes its run with a statement and a commit of their own each; only the
claim takes a batch. A client has one connection, whatever its `concurrency`, so speed comes from more clients. Tried
for drain, as clients per process × batch, in two processes unless said otherwise (best first): sync 8 × 100; sync
4 × 50 in four processes; sync 4 × 50; sync 8 × 100 in one process (a fifth slower); async 8 × 100, async 4 × 50 with
`concurrency` 10 (half); sync 1 × 50 (a quarter). Workflows: the same with a batch of 5 (10: a seventh less, 100: half),
so that no client holds work that another could do. Idle workers poll: every 0.25 s by default, 0.01 s for latency. The
SDK spawns one task at a time; in bulk its SQL function is called over a set.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import absurdctl
import psycopg
from absurd_sdk import Absurd, AsyncAbsurd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common

QUEUE = "bench"
DRAIN: dict[str, Any] = {
    "processes": None,
    "api": "sync",
    "clients": 8,
    "batch": 100,
    "concurrency": 1,
    "poll": 0.25,
}
SEQUENTIAL: dict[str, Any] = DRAIN | {"batch": 5}
LATENCY: dict[str, Any] = {
    "processes": 1,
    "api": "sync",
    "clients": 1,
    "batch": 1,
    "concurrency": 1,
    "poll": 0.01,
}
BULK: dict[str, Any] = {"connections": 2, "batch": 1000}


def versions(a: argparse.Namespace) -> dict[str, Any]:
    """The versions that are installed."""
    return common.versions("absurd", "absurd-sdk", "absurdctl", "psycopg", "psycopg-binary")


def setup(a: argparse.Namespace) -> dict[str, Any]:
    """The schema, as the system installs it."""
    # What `absurdctl init` pipes into psql, which need not be there.
    with psycopg.connect(a.dsn, autocommit=True) as connection:
        connection.execute(absurdctl.BUNDLED_SCHEMA_SQL)
        Absurd(connection, queue_name=QUEUE).create_queue()
    return {"ok": True}


def _spawn_many(dsn: str, first: int, number: int, batch: int) -> None:
    """Tasks `first` and following. The SDK spawns one at a time; its SQL function takes a set."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for start in range(first, first + number, batch):
            connection.execute(
                "select count(t.task_id) from generate_series(%s::int, %s::int) i, "
                "absurd.spawn_task(%s, 'work', jsonb_build_object('job', i), '{\"max_attempts\": 5}') t",
                (start, min(start + batch, first + number) - 1, QUEUE),
            )


def _drain(a: argparse.Namespace, steps: int) -> dict[str, Any]:
    settings = (SEQUENTIAL if a.verb == "sequential" else DRAIN) | a.set
    workers = settings["processes"] or a.workers
    _spawn_many(a.dsn, 0, a.n, 1000)
    with psycopg.connect(a.dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")

        def done() -> int:
            query = f"select count(*) from absurd.t_{QUEUE} where state = 'completed'"
            return int(connection.execute(query).fetchone()[0])

        seconds = common.timed_drain(a, workers, done, a.n * steps)
        runs, tasks, kept = connection.execute(
            f"select (select count(*) from absurd.r_{QUEUE} where state = 'completed'), "
            f"(select count(*) from absurd.t_{QUEUE} where state = 'completed' and attempts = 1), "
            f"(select count(*) from absurd.c_{QUEUE})"
        ).fetchone()
    checkpoints = a.n * steps if a.verb == "sequential" else 0
    if (runs, tasks, kept) != (a.n, a.n, checkpoints):
        raise common.WrongError(
            f"{tasks} tasks in {runs} runs are completed, with {kept} of {checkpoints} checkpoints"
        )
    return {"n": a.n, "seconds": seconds, "done": tasks, "settings": settings | {"processes": workers}}


def drain(a: argparse.Namespace) -> dict[str, Any]:
    """No-op jobs, enqueued beforehand, worked off by worker processes."""
    return _drain(a, 1)


def sequential(a: argparse.Namespace) -> dict[str, Any]:
    """Workflows of sequential no-op steps."""
    return _drain(a, a.steps) | {"steps": a.steps}


def enqueue(a: argparse.Namespace) -> dict[str, Any]:
    """Jobs put into the queue, with no worker running."""
    settings: dict[str, Any] = {"connections": 1, "batch": 1} if a.mode == "single" else BULK | a.set
    if a.mode == "single":
        with psycopg.connect(a.dsn, autocommit=True) as connection:
            client = Absurd(connection, queue_name=QUEUE)
            began = perf_counter()
            for job in range(a.n):
                client.spawn("work", {"job": job}, queue=QUEUE)
            seconds = perf_counter() - began
    else:
        share = -(-a.n // settings["connections"])
        with ThreadPoolExecutor(settings["connections"]) as pool:
            began = perf_counter()
            parts = [
                pool.submit(_spawn_many, a.dsn, first, min(share, a.n - first), settings["batch"])
                for first in range(0, a.n, share)
            ]
            for part in parts:
                part.result()
            seconds = perf_counter() - began
    with psycopg.connect(a.dsn, autocommit=True) as connection:
        (found,) = connection.execute(
            f"select count(*) from absurd.t_{QUEUE} where state = 'pending'"
        ).fetchone()
    if found != a.n:
        raise common.WrongError(f"{found} of {a.n} tasks are pending")
    return {"n": a.n, "seconds": seconds, "settings": settings}


def latency(a: argparse.Namespace) -> dict[str, Any]:
    """From enqueue to the handler's start, on an idle worker."""
    with psycopg.connect(a.dsn, autocommit=True) as connection:
        client = Absurd(connection, queue_name=QUEUE)

        def finished(jobs: int) -> bool:
            query = f"select 1 from absurd.t_{QUEUE} where state <> 'completed' limit 1"
            return connection.execute(query).fetchone() is None

        found = common.timed_latencies(
            a, lambda job: client.spawn("work", {"job": job}, queue=QUEUE), finished
        )
    return {"n": a.n, "ms": found, "settings": LATENCY | a.set}


def _worker_settings(a: argparse.Namespace) -> dict[str, Any]:
    settings = {"latency": LATENCY, "sequential": SEQUENTIAL, "drain": DRAIN}[a.task] | a.set
    return {
        "batch_size": settings["batch"],
        "concurrency": settings["concurrency"],
        "poll_interval": settings["poll"],
        "api": settings["api"],
        "clients": settings["clients"],
    }


def work(a: argparse.Namespace) -> None:
    """A worker process."""
    options = _worker_settings(a)
    api, clients = options.pop("api"), options.pop("clients")
    mark = common.marking(a)
    steps = a.steps if a.task == "sequential" else 0
    if api == "sync":
        _work_sync(a.dsn, clients, options, mark, steps)
    else:
        asyncio.run(_work_async(a.dsn, clients, options, mark, steps))


def _work_sync(dsn: str, clients: int, options: dict[str, Any], mark: Any, steps: int) -> None:
    def client(index: int) -> Absurd:
        worker = Absurd(psycopg.connect(dsn, autocommit=True), queue_name=QUEUE)

        @worker.register_task("work")
        def work(params: Any, context: Any) -> None:
            if not steps:
                mark(params["job"])
            for step in range(steps):
                context.step(f"step {step}", lambda job=params["job"] * steps + step: mark(job))

        return worker

    workers = [client(index) for index in range(clients)]
    common.wait_for_go()
    with ThreadPoolExecutor(clients) as pool:
        for future in [pool.submit(worker.start_worker, **options) for worker in workers]:
            future.result()


async def _work_async(dsn: str, clients: int, options: dict[str, Any], mark: Any, steps: int) -> None:
    async def client() -> AsyncAbsurd:
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        worker = AsyncAbsurd(connection, queue_name=QUEUE)

        @worker.register_task("work")
        async def work(params: Any, context: Any) -> None:
            if not steps:
                mark(params["job"])
            for step in range(steps):

                async def body(job: int = params["job"] * steps + step) -> None:
                    mark(job)

                await context.step(f"step {step}", body)

        return worker

    workers = [await client() for _ in range(clients)]
    common.wait_for_go()
    await asyncio.gather(*(worker.start_worker(**options) for worker in workers))


if __name__ == "__main__":
    verbs = {"versions": versions, "setup": setup, "drain": drain, "sequential": sequential}
    common.main(verbs | {"enqueue": enqueue, "latency": latency}, work)
