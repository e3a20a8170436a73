"""Wakes an idle worker.

A notification is a hint: producers send one only while a worker has declared itself idle, and one that was on its
way before the declaration may never come. So an idle worker keeps looking until every transaction that ran when it
declared itself idle has ended, and looks again now and then for ever.
"""

from __future__ import annotations

import asyncio

import psycopg
from psycopg import sql

from opsloop.errors import OpsError
from opsloop.worker.link import Link
from opsloop.worker.logs import Logger

_FIRST_POLL = 0.02
_RECONNECT = 1.0


class Bell:
    """Rung by notifications, by slots that become free and by whoever wants the claims to look again."""

    def __init__(self, link: Link, claims: Link, worker_id: str, poll: float, log: Logger) -> None:
        self._link = link
        self._claims = claims
        self._worker_id = worker_id
        self._poll = poll
        self._log = log
        self._rung = asyncio.Event()
        self._listening = False
        self._mark: str | None = None
        self._settled = False
        self._pause = _FIRST_POLL

    def ring(self) -> None:
        """There may be something to do."""
        self._rung.set()

    def busy(self) -> None:
        """A claim brought something: the declaration of idleness is gone, and polling starts afresh."""
        self._mark = None
        self._pause = _FIRST_POLL

    async def wait(self) -> None:
        """Return when it is time to look again. Call it after a look that found nothing."""
        if self._listening and self._mark is None:
            # Looked at once more after the declaration: what was committed before it sent no notification.
            self._rung.clear()
            rows = await self._claims.call("declare_idle", {"worker_id": self._worker_id})
            self._mark, self._settled = rows[0][0], False
            return
        if self._mark is not None and not self._settled:
            self._settled = bool((await self._claims.call("idle_settled", {"ticket": self._mark}))[0][0])
            if self._settled:
                return
        settled = self._mark is not None and self._settled and self._listening
        if not await self.pause(self._poll if settled else min(self._pause, self._poll)):
            self._pause = min(self._pause * 2, self._poll)

    async def pause(self, seconds: float) -> bool:
        """Wait until the bell rings, `seconds` at most; returns whether it rang."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True

    async def listen(self, channel: str) -> None:
        """Ring on every notification, for ever; without a connection, polling goes on."""
        while True:
            try:
                await self._hear(channel)
            except (OpsError, psycopg.Error) as error:
                self._log.warning("not listening", code="OPS_001", error=type(error).__name__)
            finally:
                self._listening = False
            await asyncio.sleep(_RECONNECT)

    async def _hear(self, channel: str) -> None:
        async with await self._link.connect() as conn:
            await conn.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            self._listening = True
            self._mark = None
            self.ring()
            async for _ in conn.notifies():
                self.ring()
