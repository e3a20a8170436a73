"""Runs the heartbeat of the loop: any number of workers may, at any time; the database sees to it that it is safe."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from opsloop import jsonio
from opsloop.errors import OpsError
from opsloop.process.link import Link
from opsloop.process.logs import Logger
from opsloop.worker.options import Options

#: What `fn_heartbeat` takes by default when neither the environment nor policy says otherwise.
_BATCH = 50


class Heart:
    """Calls `fn_heartbeat` over a link of its own."""

    def __init__(self, link: Link, options: Options, log: Logger) -> None:
        self.link = link
        self._log = log
        #: When a turn last did anything, on the monotonic clock.
        self.moved_at = 0.0
        #: How often a phase failed, by phase and code.
        self.failures: Counter[str] = Counter()
        given = {
            "event_batch_size": options.event_batch,
            "reaction_batch_size": options.reaction_batch,
            "stale_minutes": options.stale_minutes,
        }
        self._args = {name: value for name, value in given.items() if value is not None}
        self._full = (options.event_batch or _BATCH, options.reaction_batch or _BATCH)

    async def run(self, pause: float, awake: asyncio.Event) -> None:
        """Beat for ever, while `awake`: at once again while there is a backlog, else after `pause` seconds."""
        while True:
            await awake.wait()
            try:
                turn = await self.beat()
            except OpsError as error:
                self._log.error("heartbeat failed", code=error.code)
                turn = {}
            if self.moved(turn):
                self.moved_at = time.monotonic()
            if not self.backlog(turn):
                await asyncio.sleep(pause)

    async def beat(self) -> dict[str, Any]:
        """One turn; returns what `fn_heartbeat` said. Raises OpsError when it could not be called at all."""
        turn: dict[str, Any] = jsonio.loads(await self.link.value("heartbeat", self._args))
        if not turn.get("ok"):
            errors = [error for error in turn.get("errors", []) if isinstance(error, dict)]
            self.failures.update(f"{error.get('phase')}: {error.get('code')}" for error in errors)
            self._log.error(
                "heartbeat failed in part", phases=[e.get("phase") for e in errors], errors=errors
            )
        return turn

    def backlog(self, turn: dict[str, Any]) -> bool:
        """True when the turn found as much as it could take, so that there may be more."""
        events, reactions = self._full
        looked = turn.get("triggerResult", {}).get("events", 0)
        worked = turn.get("reactionResult", {}).get("processed", 0)
        return bool(looked >= events or worked >= reactions or turn.get("more"))

    @staticmethod
    def moved(turn: dict[str, Any]) -> bool:
        """True when the turn did anything that may lead to a step."""
        trigger, reaction = turn.get("triggerResult", {}), turn.get("reactionResult", {})
        lease, stale = turn.get("leaseResult", {}), turn.get("staleResult", {})
        return any(
            (
                trigger.get("events"),
                trigger.get("queued"),
                reaction.get("processed"),
                lease.get("requeued_steps"),
                stale.get("recovered"),
                turn.get("more"),
            )
        )
