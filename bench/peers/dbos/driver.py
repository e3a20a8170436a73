"""Driver of DBOS Transact for Python (psycopg under SQLAlchemy).

A queue is polled: each round claims up to `worker_concurrency` less what runs, so that number times the rate of rounds
is a ceiling; every workflow ends with a commit of its own. Tried for drain, in two processes with a pool of 20 unless
said otherwise (best first): sync workflows (a thread each) with worker_concurrency 500; 1,000; 200 with a pool of 10;
async with 1,000; 200; polling every 0.01 s instead of 0.05 s (no faster); one process; 50; three and four processes
(half). For latency the queue is polled every 0.01 s instead of every second. The client has no bulk call: in bulk, many
workflows are enqueued in one transaction, from two processes; how many to a transaction made no difference.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import threading
from pathlib import Path
from time import perf_counter, time
from typing import Any

import psycopg
import sqlalchemy
from dbos import DBOS, DBOSClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common

QUEUE = "bench"
VERSION = "bench"
DRAIN: dict[str, Any] = {
    "processes": None,
    "api": "sync",
    "worker_concurrency": 500,
    "polling": 0.05,
    "pool": 20,
}
LATENCY: dict[str, Any] = {
    "processes": 1,
    "api": "sync",
    "worker_concurrency": 10,
    "polling": 0.01,
    "pool": 5,
}
BULK: dict[str, Any] = {"connections": 2, "batch": 500}


def config(dsn: str, **settings: Any) -> Any:
    """DBOS's configuration; the same application and version for all processes."""
    return {
        "name": "bench",
        "system_database_url": dsn,
        "application_version": VERSION,
        "log_level": "ERROR",
        "run_admin_server": False,
        **settings,
    }


def client_of(dsn: str) -> DBOSClient:
    """A client, which only talks to the database."""
    return DBOSClient(system_database_url=dsn, application_name="bench")


def _options() -> Any:
    return {"workflow_name": "work", "queue_name": QUEUE, "app_version": VERSION}


def versions(a: argparse.Namespace) -> dict[str, Any]:
    """The versions that are installed."""
    return common.versions("dbos", "dbos", "SQLAlchemy", "psycopg", "psycopg-binary")


def setup(a: argparse.Namespace) -> dict[str, Any]:
    """The schema, as the system installs it."""
    DBOS(config=config(a.dsn))
    DBOS.launch()
    DBOS.destroy()
    return {"ok": True}


def _enqueue(dsn: str, jobs: range, batch: int, ready: Any, times: Any) -> None:
    """Enqueue the workflows `jobs`, many to a transaction: the client has no other bulk call."""
    client = client_of(dsn)
    engine = sqlalchemy.create_engine(
        sqlalchemy.make_url(dsn).set(drivername="postgresql+psycopg"), pool_size=1
    )
    engine.connect().close()
    ready.wait()
    began = time()
    for start in range(jobs.start, jobs.stop, batch):
        with engine.begin() as connection:
            for job in range(start, min(start + batch, jobs.stop)):
                client.enqueue_in_transaction(connection, _options(), job)
    times.put((began, time()))


def _bulk(dsn: str, number: int, connections: int, batch: int) -> float:
    """Seconds for `number` workflows, from as many processes as connections: the client is what is slow."""
    share = -(-number // connections)
    shares = [range(first, min(first + share, number)) for first in range(0, number, share)]
    context = multiprocessing.get_context("spawn")
    ready, times = context.Barrier(len(shares)), context.Queue()
    processes = [context.Process(target=_enqueue, args=(dsn, jobs, batch, ready, times)) for jobs in shares]
    for process in processes:
        process.start()
    found = [times.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    return max(ended for _, ended in found) - min(began for began, _ in found)


def _register_queue(dsn: str, settings: dict[str, Any]) -> None:
    client = client_of(dsn)
    client.register_queue(
        QUEUE, worker_concurrency=settings["worker_concurrency"], polling_interval_sec=settings["polling"]
    )
    client.destroy()


def _drain(a: argparse.Namespace, steps: int) -> dict[str, Any]:
    settings = DRAIN | a.set
    workers = settings["processes"] or a.workers
    _register_queue(a.dsn, settings)
    _bulk(a.dsn, a.n, 2, 500)
    with psycopg.connect(a.dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")

        def done() -> int:
            query = "select count(*) from dbos.workflow_status where status = 'SUCCESS'"
            return int(connection.execute(query).fetchone()[0])

        seconds = common.timed_drain(a, workers, done, a.n * steps)
        found, kept = connection.execute(
            "select (select count(*) from dbos.workflow_status where status = 'SUCCESS' and recovery_attempts = 1), "
            "(select count(*) from dbos.operation_outputs)"
        ).fetchone()
    outputs = a.n * steps if a.verb == "sequential" else 0
    if (found, kept) != (a.n, outputs):
        raise common.WrongError(
            f"{found} of {a.n} workflows succeeded at once, with {kept} of {outputs} steps"
        )
    return {"n": a.n, "seconds": seconds, "done": found, "settings": settings | {"processes": workers}}


def drain(a: argparse.Namespace) -> dict[str, Any]:
    """No-op jobs, enqueued beforehand, worked off by worker processes."""
    return _drain(a, 1)


def sequential(a: argparse.Namespace) -> dict[str, Any]:
    """Workflows of sequential no-op steps."""
    return _drain(a, a.steps) | {"steps": a.steps}


def enqueue(a: argparse.Namespace) -> dict[str, Any]:
    """Jobs put into the queue, with no worker running."""
    settings: dict[str, Any] = {"connections": 1, "batch": 1} if a.mode == "single" else BULK | a.set
    _register_queue(a.dsn, DRAIN)
    if a.mode == "single":
        client = client_of(a.dsn)
        began = perf_counter()
        for job in range(a.n):
            client.enqueue(_options(), job)
        seconds = perf_counter() - began
        client.destroy()
    else:
        seconds = _bulk(a.dsn, a.n, settings["connections"], settings["batch"])
    with psycopg.connect(a.dsn) as connection:
        (found,) = connection.execute(
            "select count(*) from dbos.workflow_status where status = 'ENQUEUED'"
        ).fetchone()
    if found != a.n:
        raise common.WrongError(f"{found} of {a.n} workflows are enqueued")
    return {"n": a.n, "seconds": seconds, "settings": settings}


def latency(a: argparse.Namespace) -> dict[str, Any]:
    """From enqueue to the handler's start, on an idle worker."""
    settings = LATENCY | a.set
    _register_queue(a.dsn, settings)
    client = client_of(a.dsn)
    with psycopg.connect(a.dsn, autocommit=True) as connection:

        def finished(jobs: int) -> bool:
            query = "select 1 from dbos.workflow_status where status <> 'SUCCESS' limit 1"
            return connection.execute(query).fetchone() is None

        found = common.timed_latencies(a, lambda job: client.enqueue(_options(), job), finished)
    client.destroy()
    return {"n": a.n, "ms": found, "settings": settings}


def work(a: argparse.Namespace) -> None:
    """A worker process."""
    settings = (LATENCY if a.task == "latency" else DRAIN) | a.set
    mark = common.marking(a)
    steps = a.steps if a.task == "sequential" else 0
    DBOS(
        config=config(
            a.dsn, executor_id=f"worker-{a.index}", sys_db_pool_size=settings["pool"], run_migrations=False
        )
    )
    if settings["api"] == "async":

        @DBOS.step(name="step")
        async def step_async(job: int) -> None:
            mark(job)

        @DBOS.workflow(name="work")
        async def work_async(job: int) -> None:
            if not steps:
                mark(job)
            for number in range(steps):
                await step_async(job * steps + number)

    else:

        @DBOS.step(name="step")
        def step_sync(job: int) -> None:
            mark(job)

        @DBOS.workflow(name="work")
        def work_sync(job: int) -> None:
            if not steps:
                mark(job)
            for number in range(steps):
                step_sync(job * steps + number)

    common.wait_for_go()
    DBOS.launch()
    threading.Event().wait()


if __name__ == "__main__":
    verbs = {"versions": versions, "setup": setup, "drain": drain, "sequential": sequential}
    common.main(verbs | {"enqueue": enqueue, "latency": latency}, work)
