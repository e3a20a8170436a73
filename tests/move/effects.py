"""What workers do in the soak: each run of a step leaves two lines in a journal outside of both databases."""

import asyncio
import json
import os
import time
from typing import Any

from opsloop import Context, executor


def _note(ctx: Context, what: str) -> None:
    line = {
        "what": what,
        "step": ctx.step_id,
        "attempt": ctx.attempt,
        "side": os.environ["MOVE_SIDE"],
        "pid": os.getpid(),
        "at": time.time(),
    }
    out = os.open(os.environ["MOVE_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(out, json.dumps(line).encode() + b"\n")
    finally:
        os.close(out)


async def _run(ctx: Context) -> dict[str, Any]:
    _note(ctx, "begins")
    try:
        await asyncio.sleep(ctx.params.get("seconds", 0))
    finally:
        _note(ctx, "ends")
    return {"side": os.environ["MOVE_SIDE"]}


@executor("again", idempotent=True)
async def again(ctx: Context) -> dict[str, Any]:
    """May run twice."""
    return await _run(ctx)


@executor("once", idempotent=False)
async def once(ctx: Context) -> dict[str, Any]:
    """Waits for a person when nobody knows whether it ran."""
    return await _run(ctx)
