"""`make http-load`: what one `opsloop serve` bears, measured from outside, on a database of its own.

- 1,000 calls of the heartbeat at the same moment, with OPS_API_KEY and with a key of the database, while events wait:
  none fails, every event is looked at once, and 95 in 100 are answered within a second.
- 200 open streams, while nothing happens and while missions come: less than 5 % of a core.

The client runs beside the server, on the same cores. Exit code 1 where a figure is not reached.
"""

import asyncio
import os
import sys
import tempfile
import time
from typing import Any

import aiohttp
import psycopg
from psycopg.types.json import Jsonb

from databases import Databases
from opsloop import migrate
from serve.browsing import Served, make_key, serving

OWN_KEY = "k" * 32
CALLS, STREAMS = 1_000, 200
EVENTS = 500
SECONDS = 20.0


async def call(url: str, key: str) -> tuple[list[float], set[int]]:
    """Calls the heartbeat so many times at the same moment; how long each took, and the statuses."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, headers={"Authorization": f"Bearer {key}"}, timeout=aiohttp.ClientTimeout(120)
    ) as session:
        ready = asyncio.Event()

        async def one() -> tuple[float, int]:
            await ready.wait()
            began = time.perf_counter()
            async with session.post(f"{url}/api/ops/heartbeat") as answer:
                await answer.read()
                return time.perf_counter() - began, answer.status

        calls = [asyncio.create_task(one()) for _ in range(CALLS)]
        ready.set()
        done = await asyncio.gather(*calls)
    return sorted(took for took, _ in done), {status for _, status in done}


async def follow(url: str, key: str, process: int, busy: Any) -> tuple[float, int]:
    """Keeps streams open; the server's share of a core, and how many messages came."""
    messages = 0

    async def one(session: aiohttp.ClientSession) -> None:
        nonlocal messages
        async with session.get(f"{url}/api/v1/stream") as answer:
            async for line in answer.content:
                messages += line.startswith(b"event:")

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"Authorization": f"Bearer {key}"},
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        streams = [asyncio.create_task(one(session)) for _ in range(STREAMS)]
        await asyncio.sleep(5)
        before, began, messages = used(process), time.monotonic(), 0
        while time.monotonic() - began < SECONDS:
            busy()
            await asyncio.sleep(1)
        share = (used(process) - before) / (time.monotonic() - began)
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
    return share, messages


def used(process: int) -> float:
    """Seconds of a core that a process has used."""
    with open(f"/proc/{process}/stat") as stat:  # noqa: PTH123
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(conn: psycopg.Connection[Any], server: Served) -> list[str]:
    """Prints the figures; returns what was not reached."""
    missed = []
    role_key = make_key(conn, "operator")
    for name, key in (("OPS_API_KEY", OWN_KEY), ("a key of the database", role_key)):
        conn.execute(
            "select fn_emit_events(jsonb_agg(jsonb_build_object('type', 'load:event'))) from generate_series(1, %s)",
            (EVENTS,),
        )
        before = used(server.process.pid)
        took, statuses = asyncio.run(call(server.url, key))
        spent = used(server.process.pid) - before
        p50, p95 = took[len(took) // 2], took[len(took) * 95 // 100]
        print(
            f"{CALLS} heartbeats at once, {name}: p50 {p50:.3f} s, p95 {p95:.3f} s, longest {took[-1]:.3f} s; "
            f"the server used {spent:.2f} s of a core"
        )
        if statuses != {200} or p95 >= 1:
            missed.append(f"heartbeats with {name}: {statuses}, p95 {p95:.3f} s")
        left, twice = conn.execute(
            """select (select count(*) from ops_agent_events e where e.type = 'load:event' and e.processed_at is null),
                      (select count(*) from (select from ops_agent_reactions r group by r.event_id, r.pattern
                                             having count(*) > 1) t)"""
        ).fetchone() or (None, None)
        print(f"  {left} events wait for the next turn, {twice} were looked at twice")
        if twice:
            missed.append("an event was looked at twice")
    number = 0

    def propose() -> None:
        nonlocal number
        number += 1
        conn.execute(
            "select fn_create_proposal(%s)",
            (Jsonb({"title": f"load {number}", "steps": [{"kind": "noop"}]}),),
        )

    for name, busy in (("nothing happens", lambda: None), ("a mission a second", propose)):
        share, messages = asyncio.run(follow(server.url, role_key, server.process.pid, busy))
        print(f"{STREAMS} streams, {name}: {share:.1%} of a core, {messages} messages in {SECONDS:.0f} s")
        if share >= 0.05:
            missed.append(f"streams while {name}: {share:.1%}")
    return missed


def main() -> int:
    """Measure on a throwaway server."""
    with Databases.open() as databases, databases.make() as dsn:
        migrate.migrate(dsn)
        migrate.seed(dsn)
        with (
            tempfile.TemporaryFile("w+") as log,
            psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn,
            serving(dsn, log, OPS_API_KEY=OWN_KEY) as server,
        ):
            missed = measure(conn, server)
    for one in missed:
        print(f"not reached: {one}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
