"""Says which call takes long, and ends one that takes too long.

One timer serves all calls of a connection, and is set at most once in `LONG` seconds. Two timers for each call, set and
cancelled again, would lengthen the time between a notification and the claim that follows it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

#: A call that takes longer is said, once.
LONG = 5.0


class Patience:
    """Watches one call at a time. `say` is called with the function of a call that takes long, and after how long."""

    def __init__(self, say: Callable[[str, float], None]) -> None:
        self._say = say
        self._limit: asyncio.Timeout | None = None
        self._function = ""
        self._began = 0.0
        self._bound = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, function: str, limit: asyncio.Timeout, bound: float) -> None:
        """A call begins; after `bound` seconds its `limit` is over."""
        self._function, self._limit, self._bound = function, limit, bound
        self._began = time.monotonic()
        if self._timer is None:
            self._look_after(min(LONG, bound))

    def end(self) -> None:
        """The call has ended. The timer stays: the next call mostly begins before it is over."""
        self._limit = None

    def _look_after(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._limit is None:
            return
        passed = time.monotonic() - self._began
        if passed >= self._bound:
            self._limit.reschedule(asyncio.get_running_loop().time())
            return
        if passed >= LONG:
            self._say(self._function, LONG)
        # After LONG only the bound is left, so a call is said once.
        self._look_after(min(end - passed for end in (LONG, self._bound) if end > passed))
