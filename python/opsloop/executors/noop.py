"""`noop`: does nothing, for rehearsals and measurements.

Params, all optional: `sleep_seconds` (number, waits that long), `fail` (text, fails with it, retryable).
The result is the params themselves, or `{"ok": true}` when there are none.
"""

from __future__ import annotations

import asyncio
from typing import Any

from opsloop.errors import ParamsRefused
from opsloop.executors.context import Context
from opsloop.executors.outcomes import Retry
from opsloop.executors.registry import executor
from opsloop.jsonio import is_number


@executor("noop", idempotent=True, blocking=False)
def run(ctx: Context) -> Any:
    """Return the params, at once or after `sleep_seconds`."""
    params = ctx.params
    if not params:
        return {"ok": True}
    seconds = params.get("sleep_seconds")
    if seconds is not None:
        if not is_number(seconds) or seconds < 0:
            raise ParamsRefused("noop: sleep_seconds must be a number of seconds, 0 or more")
        return _sleep(float(seconds), params)
    return _answer(params)


async def _sleep(seconds: float, params: Any) -> Any:
    await asyncio.sleep(seconds)
    return _answer(params)


def _answer(params: Any) -> Any:
    if "fail" in params:
        raise Retry(str(params["fail"]))
    return params
