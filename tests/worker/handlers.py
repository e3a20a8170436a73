"""Executors for the tests that need a worker process: started with `--app handlers`."""

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from opsloop.executors import Context, executor


@executor("own", idempotent=True)
async def own(ctx: Context) -> Any:
    """Waits for the file `params.until`; says by the file `params.started`, where one is given, that it runs."""
    if "started" in ctx.params:
        _say(ctx)
    while not _opened(ctx):  # noqa: ASYNC110 - another process opens
        await asyncio.sleep(0.01)
    return {"attempt": ctx.attempt}


@executor("other")
def other(ctx: Context) -> Any:
    """The same in a thread that is deaf to `ctx.cancelled`; says by the file `params.started` that it runs."""
    _say(ctx)
    while not _opened(ctx):
        time.sleep(0.01)
    return {"attempt": ctx.attempt}


@executor("unknown")
async def unknown(ctx: Context) -> Any:
    """Says by the file `params.started` that it runs, and is deaf to its cancellation."""
    _say(ctx)
    while not _opened(ctx):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)


def _say(ctx: Context) -> None:
    Path(ctx.params["started"]).touch()


def _opened(ctx: Context) -> bool:
    return Path(ctx.params["until"]).exists()
