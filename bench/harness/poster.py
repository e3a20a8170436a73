"""A bare loop of webhooks in a process of its own: what a client can do when nothing is claimed and nothing recorded.

`python -m harness.poster URL NUMBER CLIENT` prints the seconds that NUMBER posts took, 64 at a time; CLIENT is `own`
(the relay's) or `httpx`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import httpx

from opsloop.relay.http import Http
from opsloop.relay.sinks import Message

_AT_A_TIME = 64
_BODY = b'{"id": "outbox:1", "sequence": 1, "payload": {"n": 1}, "aggregate_id": "1"}'

Post = Callable[[], Awaitable[None]]


async def _all(post: Post, number: int) -> float:
    left = iter(range(number))

    async def some() -> None:
        for _ in left:
            await post()

    begun = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(_AT_A_TIME)))
    return time.perf_counter() - begun


async def _own(url: str, number: int) -> float:
    http = Http()
    message = Message(1, "t", "1", "e", 0, "outbox:1", _BODY, {"url": url, "allow_private": True})
    try:
        return await _all(lambda: http.deliver(message), number)
    finally:
        http.close()


async def _httpx(url: str, number: int) -> float:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "outbox:1"}
    limits = httpx.Limits(max_connections=_AT_A_TIME, max_keepalive_connections=_AT_A_TIME)
    async with httpx.AsyncClient(limits=limits, trust_env=False) as client:

        async def post() -> None:
            (await client.post(url, content=_BODY, headers=headers)).raise_for_status()

        return await _all(post, number)


if __name__ == "__main__":
    where, count, which = sys.argv[1:]
    loop = {"own": _own, "httpx": _httpx}[which]
    sys.stdout.write(f"{asyncio.run(loop(where, int(count)))}\n")
