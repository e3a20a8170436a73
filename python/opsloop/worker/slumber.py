"""Puts a worker to sleep that has had nothing to do for long, and wakes it.

Asleep it neither beats nor gives a sign of life, and has one connection, which listens, or none where it polls. It
falls asleep only when everybody who makes work knows it: what comes while it falls asleep rings the bell, or is found
by its last heartbeat. A connection that ends rings the bell, too. What time alone brings, such as a retry, it asks for
before it sleeps. It registers again before it claims.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from opsloop import jsonio
from opsloop.process.link import Link
from opsloop.process.logs import Logger
from opsloop.worker.bell import Bell
from opsloop.worker.heart import Heart
from opsloop.worker.options import Options
from opsloop.worker.registration import Registration

#: How long transactions that do not know yet that it falls asleep may take to end before it gives up for now, seconds.
_SETTLES = 2.0
_LOOK_AGAIN = 0.2
#: Seconds until it tries again to fall asleep when it could not.
_AGAIN = 5.0
#: It does not fall asleep for less, seconds.
_SHORTEST = 1.0


class Slumber:
    """One worker's sleep. `awake` is set while it is awake."""

    def __init__(
        self,
        claims: Link,
        others: Sequence[Link],
        worker_id: str,
        bell: Bell,
        heart: Heart,
        registration: Registration,
        options: Options,
        log: Logger,
    ) -> None:
        self.awake = asyncio.Event()
        self.awake.set()
        self._claims = claims
        self._others = others
        self._worker_id = worker_id
        self._bell = bell
        self._heart = heart
        self._registration = registration
        self._options = options
        self._log = log
        self._busy_at = time.monotonic()
        self._again = 0.0
        self._dozes = False

    def busy(self) -> None:
        """There is something to do."""
        self._busy_at = time.monotonic()
        self._dozes = False

    @property
    def is_due(self) -> bool:
        """Whether it has had nothing to do for so long that it may fall asleep now."""
        after, now = self._options.idle_after, time.monotonic()
        if after is None or now < self._again or (self._claims.listening and not self._bell.settled):
            return False
        return self._dozes or now >= max(self._busy_at, self._heart.moved_at) + after

    async def sleep(self) -> None:
        """Sleep until there may be something to do, or until it is time to look; then it is registered anew.

        Raises OpsError when the database refuses; it is awake then.
        """
        self.awake.clear()
        slept = False
        try:
            seconds = await self._fall_asleep()
            if seconds is None or seconds >= _SHORTEST:
                slept = True
                if not self._dozes:
                    self._log.info("asleep", listens=self._claims.listening)
                self._dozes = True
                await self._rest()
                await self._bell.pause(seconds)
        finally:
            if not slept:
                self._again = time.monotonic() + _AGAIN
            try:
                await self._registration.renew()
            finally:
                self.awake.set()

    async def _rest(self) -> None:
        for link in self._others:
            await link.rest()
        if not self._claims.listening:
            await self._claims.rest()

    async def _fall_asleep(self) -> float | None:
        """Declare it; returns for how many seconds it may sleep: None without end, 0 not at all."""
        beats = self._options.heartbeat is not None
        args: dict[str, Any] = {"worker_id": self._worker_id, "beats": beats}
        if not self._claims.listening:
            args["poll_seconds"] = self._options.poll
        ticket = None
        while ticket is None:
            ticket = (await self._declared(args))["ticket"]
        gives_up = time.monotonic() + _SETTLES
        while not await self._claims.value("idle_settled", {"ticket": ticket}):
            if time.monotonic() > gives_up or await self._bell.pause(_LOOK_AGAIN):
                return 0
        if beats:
            turn = await self._heart.beat()
            if self._heart.moved(turn) or self._heart.backlog(turn) or not turn.get("ok"):
                return 0
        due: float | None = (await self._declared(args))["seconds"]
        if self._claims.listening:
            return due
        return self._options.poll if due is None else min(due, self._options.poll)

    async def _declared(self, args: dict[str, Any]) -> dict[str, Any]:
        said: dict[str, Any] = jsonio.loads(await self._claims.value("fall_asleep", args))
        return said
