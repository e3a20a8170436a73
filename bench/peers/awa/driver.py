"""Driver of awa (package awa-pg: a Rust core, Python handlers).

A worker runs up to `max_workers` handlers at once, and its completions are written in batches of what has piled up:
more at once is faster. Tried for drain, as max_workers and connections (best first): two processes of 512 and 20; one
of 512 and 20, with or without `claim_batch_size` 512; one of 256 and 10; one of 512 with two `claimers`; one of 64
(40 % slower). Storage is the ring of segments that fresh installations of 0.6 use; it prunes completed jobs within
seconds, so only their number is left. Bulk is `enqueue_many_copy`. Idle workers are woken by NOTIFY.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import awa
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import common

QUEUE = "bench"
DRAIN: dict[str, Any] = {"processes": None, "max_workers": 512, "connections": 20, "queue": {}, "start": {}}
LATENCY: dict[str, Any] = {"processes": 1, "max_workers": 4, "connections": 10, "queue": {}, "start": {}}
# awa's own count (`queue_stats`) took seconds at 20,000 jobs: it would be what is measured. Completions are batches in
# a ring of segments; what the ring has pruned, within seconds, is left as a number.
_DONE = """
  select (select coalesce(sum(completed_count), 0) from awa.receipt_completion_batches where queue = %(queue)s)
    + (select coalesce(sum(pruned_completed_count), 0) from awa.queue_terminal_rollups where queue = %(queue)s)"""
_READY = "select count(*) from awa.ready_entries where queue = %(queue)s"
BULK: dict[str, Any] = {"connections": 2, "batch": 5000}


@dataclass
class Noop:
    """What a job carries."""

    job: int


def client_of(dsn: str, connections: int) -> awa.AsyncClient:
    """A client with a pool of its own."""
    return awa.AsyncClient(common.with_host(dsn), connections)


async def _enqueue(client: awa.AsyncClient, first: int, number: int, batch: int) -> None:
    for start in range(first, first + number, batch):
        jobs = [Noop(job) for job in range(start, min(start + batch, first + number))]
        await client.enqueue_many_copy(jobs, queue=QUEUE)


def _count(connection: psycopg.Connection[Any], query: str) -> int:
    (found,) = connection.execute(query, {"queue": QUEUE}).fetchone()
    return int(found)


def versions(a: argparse.Namespace) -> dict[str, Any]:
    """The versions that are installed."""
    return common.versions("awa", "awa-pg", "psycopg")


def setup(a: argparse.Namespace) -> dict[str, Any]:
    """The schema, as the system installs it."""

    async def main() -> None:
        client = client_of(a.dsn, 4)
        await client.migrate()
        # The first runtime that starts on a fresh schema activates the storage engine of 0.6; bulk calls need it.
        client.task(Noop, queue=QUEUE)(_nothing)
        await client.start([(QUEUE, 1)])
        for _ in range(100):
            if '"active_engine": "queue_storage"' in await client.storage_status():
                break
            await asyncio.sleep(0.1)
        else:
            raise common.WrongError("the queue storage did not become active")
        await client.shutdown()
        await client.close()

    asyncio.run(main())
    return {"ok": True}


async def _nothing(job: Any) -> None:
    """A handler that is never called."""


def drain(a: argparse.Namespace) -> dict[str, Any]:
    """No-op jobs, enqueued beforehand, worked off by worker processes."""
    settings = DRAIN | a.set
    workers = settings["processes"] or a.workers

    async def fill() -> None:
        client = client_of(a.dsn, 2)
        await _enqueue(client, 0, a.n, 5000)
        await client.close()

    asyncio.run(fill())
    with psycopg.connect(a.dsn, autocommit=True) as connection:
        connection.execute("vacuum analyze")
        seconds = common.timed_drain(a, workers, lambda: _count(connection, _DONE), a.n)
        found = _count(connection, _DONE)
    if found != a.n:
        raise common.WrongError(f"{found} of {a.n} jobs are completed")
    return {"n": a.n, "seconds": seconds, "done": found, "settings": settings | {"processes": workers}}


def sequential(a: argparse.Namespace) -> dict[str, Any]:
    """Workflows of sequential no-op steps."""
    raise common.UnsupportedError("awa has jobs, no workflows of checkpointed steps")


def enqueue(a: argparse.Namespace) -> dict[str, Any]:
    """Jobs put into the queue, with no worker running."""
    settings: dict[str, Any] = {"connections": 1, "batch": 1} if a.mode == "single" else BULK | a.set

    async def main() -> float:
        client = client_of(a.dsn, settings["connections"])
        await client.insert(Noop(0), queue="warm")
        share = -(-a.n // settings["connections"])
        began = perf_counter()
        if a.mode == "single":
            for job in range(a.n):
                await client.insert(Noop(job), queue=QUEUE)
        else:
            parts: list[Awaitable[None]] = [
                _enqueue(client, first, min(share, a.n - first), settings["batch"])
                for first in range(0, a.n, share)
            ]
            await asyncio.gather(*parts)
        seconds = perf_counter() - began
        await client.close()
        return seconds

    seconds = asyncio.run(main())
    with psycopg.connect(a.dsn, autocommit=True) as connection:
        found = _count(connection, _READY)
    if found != a.n:
        raise common.WrongError(f"{found} of {a.n} jobs are in the queue")
    return {"n": a.n, "seconds": seconds, "settings": settings}


def latency(a: argparse.Namespace) -> dict[str, Any]:
    """From enqueue to the handler's start, on an idle worker."""
    with asyncio.Runner() as runner, psycopg.connect(a.dsn, autocommit=True) as connection:
        client = runner.run(_opened(a.dsn))
        found = common.timed_latencies(
            a,
            lambda job: runner.run(client.insert(Noop(job), queue=QUEUE)),
            lambda jobs: _count(connection, _DONE) >= jobs,
        )
        runner.run(client.close())
    return {"n": a.n, "ms": found, "settings": LATENCY | a.set}


async def _opened(dsn: str) -> awa.AsyncClient:
    return client_of(dsn, 2)


def work(a: argparse.Namespace) -> None:
    """A worker process."""
    settings = (LATENCY if a.task == "latency" else DRAIN) | a.set
    mark = common.marking(a)

    async def main() -> None:
        client = client_of(a.dsn, settings["connections"])

        @client.task(Noop, queue=QUEUE)
        async def noop(job: Any) -> None:
            mark(job.args.job)

        common.wait_for_go()
        queue = {"name": QUEUE, "max_workers": settings["max_workers"], **settings["queue"]}
        await client.start([queue], **settings["start"])
        await asyncio.Event().wait()

    asyncio.run(main())


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
