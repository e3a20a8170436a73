"""Wakes an idle worker.

A notification is a hint: producers send one only while a worker has declared itself idle, and one that was on its
way before the declaration may never come. So an idle worker keeps looking until every transaction that ran when its
declaration was committed has ended, and looks again now and then for ever.

The claims' own connection listens: nothing stands between the notification and the claim.
"""

from __future__ import annotations

import asyncio

from opsloop.process.link import Link

_FIRST_POLL = 0.02


class Bell:
    """Rung by notifications, by slots that become free and by whoever wants the claims to look again."""

    def __init__(self, claims: Link, worker_id: str, poll: float) -> None:
        self._claims = claims
        self._worker_id = worker_id
        self._poll = poll
        self._rung = asyncio.Event()
        self._ticket: str | None = None
        self._settled = False
        self._pause = _FIRST_POLL

    async def listen(self, channel: str) -> None:
        """Ring on every notification from now on; without them, polling goes on."""
        await self._claims.listen(channel, self.ring, self._missed)

    def ring(self) -> None:
        """There may be something to do."""
        self._rung.set()

    def reported(self) -> None:
        """An end was reported, which may have freed other steps: unless a notification would say so, look again."""
        if not self._settled:
            self._rung.set()

    def busy(self) -> None:
        """A claim brought something: the declaration of idleness is gone, and polling starts afresh."""
        self._ticket = None
        self._settled = False
        self._pause = _FIRST_POLL

    async def wait(self) -> None:
        """Return when it is time to look again. Call it after a look that found nothing."""
        if not self._claims.listening:
            await self._rang()
        elif self._ticket is None:
            self._rung.clear()
            await self._declare()
        elif not self._settled:
            if not await self._rang():
                self._settled = await self._is_settled()
        else:
            await self.pause(self._poll)

    @property
    def settled(self) -> bool:
        """Whether everybody who makes work knows that this worker is idle, and will ring."""
        return self._settled

    async def pause(self, seconds: float | None) -> bool:
        """Wait until the bell rings, `seconds` at most, None for ever; returns whether it rang."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    async def _rang(self) -> bool:
        """Wait for a while, longer each time; returns whether the bell rang meanwhile."""
        rang = await self.pause(min(self._pause, self._poll))
        if not rang:
            self._pause = min(self._pause * 2, self._poll)
        return rang

    async def _declare(self) -> None:
        """Declare this worker idle. Looked at once more after it: what was committed before notified nobody."""
        while self._ticket is None:
            self._ticket = await self._claims.value("declare_idle", {"worker_id": self._worker_id})
        self._settled = await self._is_settled()

    async def _is_settled(self) -> bool:
        return bool(await self._claims.value("idle_settled", {"ticket": self._ticket}))

    def _missed(self) -> None:
        """Notifications may have been missed, and the declaration may be gone."""
        self._ticket = None
        self._settled = False
        self._rung.set()
