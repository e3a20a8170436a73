"""What the workers of the chaos run offer: executors that tell the witness when they begin and when they are done."""

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import Any

from chaos.witness import PLACE, Witness
from opsloop import Context, Retry, executor

#: A thread that only sleeps and is this late, in seconds, belongs to a process that gets no time.
_LATE = 0.5
_witness = Witness(Path(os.environ[PLACE]), f"effects-{os.getpid()}-{time.monotonic_ns()}")


def _watch() -> None:
    """Tell when this process got no time, whoever has taken it."""
    while True:
        began = time.monotonic()
        time.sleep(0.1)
        if time.monotonic() > began + 0.1 + _LATE:
            _witness.say("stalled", pid=os.getpid(), since=began)


threading.Thread(target=_watch, daemon=True).start()


def _begin(ctx: Context) -> dict[str, Any]:
    said = {"step": ctx.step_id, "executor": ctx.executor, "attempt": ctx.attempt, "pid": os.getpid()}
    _witness.say("begun", **said)
    return said


def _done(ctx: Context, said: dict[str, Any]) -> dict[str, Any]:
    _witness.say("done", **said)
    if ctx.params.get("publish"):
        ctx.publish("mission", ctx.mission_id, "chaos.step", {"key": ctx.key})
    return {"attempt": ctx.attempt, "n": ctx.params.get("n", 0)}


async def _work(ctx: Context) -> dict[str, Any]:
    said = _begin(ctx)
    await asyncio.sleep(ctx.params.get("ms", 0) / 1000)
    return _done(ctx, said)


@executor("touch", idempotent=True)
async def touch(ctx: Context) -> dict[str, Any]:
    """What may be done again."""
    return await _work(ctx)


@executor("once")
async def once(ctx: Context) -> dict[str, Any]:
    """What may not be done again unless a person says so: held when its worker vanished."""
    return await _work(ctx)


@executor("flaky", idempotent=True)
async def flaky(ctx: Context) -> dict[str, Any]:
    """Fails at first."""
    if ctx.attempt == 1:
        raise Retry("the first time it always fails")
    return await _work(ctx)


@executor("thread", idempotent=True)
def thread(ctx: Context) -> dict[str, Any]:
    """The same, blocking."""
    said = _begin(ctx)
    ends = time.monotonic() + ctx.params.get("ms", 0) / 1000
    while time.monotonic() < ends:
        if ctx.cancelled:
            raise Retry("told to stop")
        time.sleep(0.01)
    return _done(ctx, said)


@executor("leased", idempotent=True)
async def leased(ctx: Context) -> dict[str, Any]:
    """Writes a row of its own in a transaction that only the holder of the lease can commit."""
    said = _begin(ctx)
    async with ctx.transaction() as conn:
        await conn.execute(
            "insert into public.chaos_rows (step_id, times) values (%s, 1) "
            "on conflict (step_id) do update set times = chaos_rows.times + 1",
            (ctx.step_id,),
        )
        await asyncio.sleep(ctx.params.get("ms", 0) / 1000)
    return _done(ctx, said)
