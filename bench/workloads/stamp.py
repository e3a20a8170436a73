"""An executor that says when it was started, by the clock of this machine: for the latency of a pick-up."""

import time
from typing import Any

from opsloop.executors import Context, executor


@executor("stamp", idempotent=True, blocking=False)
def stamp(ctx: Context) -> Any:
    """The time at which the handler started, seconds since 1970."""
    return {"at": time.time()}
