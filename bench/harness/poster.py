"""A bare loop of webhooks in a process of its own: what a client can do when nothing is claimed and nothing recorded.

`python -m harness.poster URL NUMBER CLIENT` prints the seconds that NUMBER posts took, 64 at a time; CLIENT is `own`
(the relay's) or `aiohttp` as it is.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp

from opsloop.relay import http
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
    message = Message(1, "t", "1", "e", 0, "outbox:1", _BODY, {"url": url, "allow_private": True})
    return await _all(lambda: http.deliver(message), number)


async def _aiohttp(url: str, number: int) -> float:
    headers = {"Content-Type": "application/json", "Idempotency-Key": "outbox:1"}
    async with aiohttp.ClientSession(raise_for_status=True) as client:

        async def post() -> None:
            async with client.post(url, data=_BODY, headers=headers) as answer:
                await answer.read()

        return await _all(post, number)


if __name__ == "__main__":
    where, count, which = sys.argv[1:]
    loop = {"own": _own, "aiohttp": _aiohttp}[which]
    sys.stdout.write(f"{asyncio.run(loop(where, int(count)))}\n")
