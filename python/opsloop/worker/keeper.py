"""Keeps watch over what runs: deadlines, leases, requests to stop.

One look at all running attempts every tick, instead of a timer for each.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

from opsloop import jsonio
from opsloop.errors import OpsError, condemns
from opsloop.process.link import Link
from opsloop.process.logs import Logger
from opsloop.worker.attempt import HeldLease, LiveAttempt, Stop
from opsloop.worker.reporter import Reporter
from opsloop.worker.runner import Runner

_TICK = 0.05
_PROGRESS_EVERY = 1.0
_SIGN_OF_LIFE = 5.0
_BATCH = 500
#: Seconds until an extension that was refused is tried again, at most.
_AGAIN = 1.0
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
        reporter: Reporter,
        lease_seconds: int | None,
        awake: asyncio.Event,
        log: Logger,
    ) -> None:
        self._link = link
        self._worker_id = worker_id
        self._runner = runner
        self._reporter = reporter
        self._lease_seconds = lease_seconds
        self._awake = awake
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
                elif now >= attempt.lease.until:
                    self._log.warning("lease over", code="OPS_006", **attempt.names)
                    self._runner.stop(attempt, Stop.FENCED)
            await asyncio.sleep(_TICK)

    async def extend_leases(self) -> None:
        """Extend leases before they run out, and bring progress along, for ever; asleep it has none."""
        said = progressed = 0.0
        while True:
            await self._awake.wait()
            now = time.monotonic()
            with_progress = now >= progressed + _PROGRESS_EVERY
            due = [
                attempt
                for attempt in self._runner.running.values()
                if not attempt.reported
                and (now >= attempt.lease.extend_at or (with_progress and attempt.ctx.has_progress))
            ]
            steps = {attempt.ctx.step_id for attempt in due}
            due += [
                a for a in self._reporter.held() if now >= a.lease.extend_at and a.ctx.step_id not in steps
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
        if self._runner.running or self._reporter.held():
            await asyncio.sleep(_TICK)
            return
        either = [asyncio.ensure_future(e.wait()) for e in (self._runner.began, self._reporter.holding)]
        seconds = max(0.0, said + _SIGN_OF_LIFE - time.monotonic())
        try:
            await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in either:
                waiting.cancel()

    async def _extend(self, attempts: list[LiveAttempt], *, with_progress: bool = True) -> None:
        """Extend these leases. What the database refuses of one attempt, such as its progress, costs no other one."""
        progress = {a.token: a.ctx.take_progress() for a in attempts if with_progress and a.ctx.has_progress}
        args: dict[str, Any] = {
            "worker_id": self._worker_id,
            "leases": jsonio.array(attempt.proof_with(progress.get(attempt.token)) for attempt in attempts),
        }
        if self._lease_seconds is not None:
            args["lease_seconds"] = self._lease_seconds
        try:
            answer = await self._link.timed("extend_leases", args)
        except OpsError as error:
            if not condemns(error):
                self._not_extended(attempts, progress, error)
            elif len(attempts) > 1:
                half = len(attempts) // 2
                self._keep(attempts, progress)
                await self._extend(attempts[:half], with_progress=with_progress)
                await self._extend(attempts[half:], with_progress=with_progress)
            elif progress:
                self._log.warning("progress refused", code=error.code, **attempts[0].names)
                await self._extend(attempts, with_progress=False)
            else:
                self._not_extended(attempts, progress, error)
            return
        by_step = {attempt.ctx.step_id: attempt for attempt in attempts}
        for row in answer.rows:
            self._extended(by_step[row.step_id], row, answer.asked)

    def _not_extended(
        self, attempts: list[LiveAttempt], progress: dict[str, bytes | None], error: OpsError
    ) -> None:
        self._log.error("leases not extended", code=error.code, sqlstate=error.sqlstate, count=len(attempts))
        self._keep(attempts, progress)
        for attempt in attempts:
            attempt.extend_at(time.monotonic() + min(_AGAIN, attempt.lease.seconds / 10))

    @staticmethod
    def _keep(attempts: list[LiveAttempt], progress: dict[str, bytes | None]) -> None:
        for attempt in attempts:
            if (value := progress.get(attempt.token)) is not None:
                attempt.ctx.keep_progress(value)

    def _extended(self, attempt: LiveAttempt, row: Any, asked: float) -> None:
        if row.ok:
            left = datetime.fromisoformat(row.lease_expires_at) - datetime.fromisoformat(row.now)
            attempt.lease = HeldLease.given(asked, left.total_seconds())
            if row.cancel_requested and not attempt.reported:
                self._runner.stop(attempt, Stop.CANCELLED)
        elif attempt.reported:
            attempt.extend_at(attempt.lease.until)  # the answer to its report says more
        elif attempt.ends is not None and asked >= attempt.ends - _NEARLY:
            self._runner.stop(attempt, Stop.DEADLINE)
        else:
            self._log.warning("lease lost", code="OPS_006", **attempt.names)
            self._runner.stop(attempt, Stop.LOST)
