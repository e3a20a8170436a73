"""Keeps watch over what runs: deadlines, leases, requests to stop.

One look at all running attempts every tick, instead of a timer for each.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from opsloop import jsonio
from opsloop.errors import OpsError
from opsloop.process.link import Link
from opsloop.process.logs import Logger
from opsloop.worker.attempt import LiveAttempt, Stop
from opsloop.worker.clock import ServerClock
from opsloop.worker.runner import Runner, extend_after

_TICK = 0.05
_PROGRESS_EVERY = 1.0
_SIGN_OF_LIFE = 5.0
_BATCH = 500
# So close to its deadline an attempt is over it by the database's clock when the database does not extend it.
_NEARLY = 0.5
#: How long a handler that was asked to stop may take before its end is reported without it. The database takes a
#: step back five seconds after its deadline, so a report has to be there before that.
STOP_GRACE = 3.0


class Keeper:
    """Stops attempts at their deadline, extends the leases of the others, and says that the worker is alive."""

    def __init__(
        self,
        link: Link,
        worker_id: str,
        runner: Runner,
        clock: ServerClock,
        lease_seconds: int | None,
        log: Logger,
    ) -> None:
        self._link = link
        self._worker_id = worker_id
        self._runner = runner
        self._clock = clock
        self._lease_seconds = lease_seconds
        self._log = log

    async def watch_deadlines(self) -> None:
        """Stop what is over its deadline, for ever."""
        while True:
            await self._runner.began.wait()
            now = time.monotonic()
            for attempt in list(self._runner.running.values()):
                if attempt.stop is not None:
                    if not attempt.reported and now >= attempt.stopped_at + STOP_GRACE:
                        self._log.warning("step does not stop", **attempt.names)
                        self._runner.give_up(attempt)
                elif attempt.ends is not None and now >= attempt.ends:
                    self._runner.stop(attempt, Stop.DEADLINE)
            await asyncio.sleep(_TICK)

    async def extend_leases(self) -> None:
        """Extend leases before they run out, and bring progress along, for ever."""
        said = progressed = 0.0
        while True:
            now = time.monotonic()
            with_progress = now >= progressed + _PROGRESS_EVERY
            due = [
                attempt
                for attempt in self._runner.running.values()
                if not attempt.reported
                and (now >= attempt.extend_at or (with_progress and attempt.ctx.has_progress))
            ]
            if due or now >= said + _SIGN_OF_LIFE:
                for start in range(0, max(len(due), 1), _BATCH):
                    await self._extend(due[start : start + _BATCH])
                said = time.monotonic()
            if with_progress:
                progressed = now
            await self._pause(said)

    async def _pause(self, said: float) -> None:
        """A tick while something runs; else until something does, or until a sign of life is due."""
        if self._runner.running:
            await asyncio.sleep(_TICK)
            return
        try:
            async with asyncio.timeout(max(0.0, said + _SIGN_OF_LIFE - time.monotonic())):
                await self._runner.began.wait()
        except TimeoutError:
            pass

    async def _extend(self, attempts: list[LiveAttempt]) -> None:
        leases = [attempt.lease_with_progress() for attempt in attempts]
        args: dict[str, Any] = {
            "worker_id": self._worker_id,
            "leases": jsonio.array(leases),
        }
        if self._lease_seconds is not None:
            args["lease_seconds"] = self._lease_seconds
        asked = time.monotonic()
        try:
            rows = await self._link.call("extend_leases", args)
        except OpsError as error:
            self._log.error("leases not extended", code=error.code, count=len(attempts))
            for attempt in attempts:
                attempt.extend_at = time.monotonic() + 1.0
            return
        by_step = {attempt.ctx.step_id: attempt for attempt in attempts}
        for row in rows:
            attempt = by_step[row.step_id]
            if not row.ok and attempt.ends is not None and asked >= attempt.ends - _NEARLY:
                self._runner.stop(attempt, Stop.DEADLINE)
            elif not row.ok:
                self._log.warning("lease lost", code="OPS_006", **attempt.names)
                self._runner.stop(attempt, Stop.LOST)
            else:
                attempt.extend_at = asked + extend_after(self._clock.monotonic(row.lease_expires_at) - asked)
                if row.cancel_requested:
                    self._runner.stop(attempt, Stop.CANCELLED)
