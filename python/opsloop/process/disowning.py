"""Gives back what claims have taken whose answers were lost.

When a connection ends under a claim, nobody knows whether the claim was carried out. What it took would wait for a
whole lease, and then count as lost by a process that never heard of it. So for one lease time the process says again
and again what it knows to be its own, and the database gives the rest back, as never started. Again and again, because
the server may still be at it: a claim may commit long after its client has gone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from opsloop.errors import OpsError
from opsloop.process.link import Link
from opsloop.process.logs import Logger

#: Seconds between two calls, at most.
_PAUSE = 1.0


class Disowning:
    """Used between two claims, by whoever makes them: what a claim on its way brings would be disowned, too.

    `known` gives the arguments of `fn_<function>`; `wake` is called when it is time for another look.
    """

    def __init__(
        self,
        claims: Link,
        function: str,
        known: Callable[[], Mapping[str, Any]],
        wake: Callable[[], None],
        log: Logger,
    ) -> None:
        self._claims = claims
        self._function = function
        self._known = known
        self._wake = wake
        self._log = log
        self._seen = 0
        self._until = -math.inf
        self._next = -math.inf

    @property
    def is_new(self) -> bool:
        """Whether an answer was lost since the last look."""
        return self._claims.unanswered != self._seen

    @property
    def goes_on(self) -> bool:
        """Whether more looks are to come."""
        return self.is_new or self._until > -math.inf

    async def look(self, lease: float, *, last: bool = False) -> None:
        """Disown, if an answer was lost less than one lease of `lease` seconds ago and it is time; `last`: at once."""
        if self.is_new:
            # One lease from the next answer on: until then the server may have had no time for the lost claim either.
            self._seen, self._until, self._next = self._claims.unanswered, math.inf, -math.inf
        if not self.goes_on or (time.monotonic() < self._next and not last):
            return
        pause = min(_PAUSE, lease / 10)
        try:
            given_back = await self._claims.value(self._function, self._known())
        except OpsError as error:
            self._log.warning(
                "lost claim not given back yet", code=error.code, sqlstate=error.sqlstate, error=error.message
            )
        else:
            if given_back:
                self._log.warning("lost claim given back", count=given_back)
            now = time.monotonic()
            if self._until == math.inf:
                self._until = now + lease
            elif now >= self._until:
                self._until = -math.inf
                return
        self._next = time.monotonic() + pause
        asyncio.get_running_loop().call_later(pause, self._wake)
