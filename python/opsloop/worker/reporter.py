"""Reports what became of steps: in batches, in order, and until the database has heard it.

A completion may be sent twice when the reply to the first one was lost: the database answers both alike.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from opsloop import jsonio
from opsloop.errors import LeaseLost, OpsError, is_not_now, sqlstate
from opsloop.process.link import Link
from opsloop.process.logs import Logger
from opsloop.worker.attempt import LiveAttempt

_BATCH = 500
_ERROR_LIMIT = 8_000
#: Between tries to report results that the state of the server refuses, seconds.
_PAUSE = 1.0

Report = tuple[LiveAttempt, bytes]


class Reporter:
    """Collects the ends of attempts and sends them over a link of its own."""

    def __init__(self, link: Link, worker_id: str, reported: Callable[[], None], log: Logger) -> None:
        self._link = link
        self._worker_id = worker_id
        self._reported = reported
        self._log = log
        self._completions: list[Report] = []
        self._failures: list[Report] = []
        self._releases: list[Report] = []
        self._something = asyncio.Event()
        self._progressed = asyncio.Event()
        #: How many attempts ended how: accepted, queued (to be retried), failed, cancelled, released, OPS_006.
        self.outcomes: Counter[str] = Counter()

    @property
    def backlog(self) -> int:
        """Number of ends that the database has not confirmed."""
        return len(self._completions) + len(self._failures) + len(self._releases)

    def complete(self, attempt: LiveAttempt, result: Any) -> None:
        """The attempt succeeded with `result`. Raises TypeError when that is not JSON; then nothing is kept."""
        ctx = attempt.ctx
        said = {"step_id": ctx.step_id, "lease_token": attempt.token, "result": result}
        if ctx.has_report:
            said |= ctx.report()
        self._completions.append((attempt, jsonio.dumps(said)))
        self._something.set()

    def fail(
        self, attempt: LiveAttempt, error: OpsError, *, retryable: bool, after: float | None = None
    ) -> None:
        """The attempt failed with `error`; `after`: seconds to wait before the next one, None for the policy's."""
        said: dict[str, Any] = {
            **attempt.lease,
            "error": str(error)[:_ERROR_LIMIT],
            "code": error.code,
            "retryable": retryable,
        }
        if after is not None:
            said["retry_after_seconds"] = after
        self._failures.append((attempt, jsonio.dumps(said)))
        self._something.set()

    def release(self, attempt: LiveAttempt, reason: str, *, started: bool, code: str | None = None) -> None:
        """The attempt was not carried out, no retry is burnt. `started`: part of it may have been; then SQL decides
        whether the step may simply run again. `code`: of the reason, if it is an error.
        """
        said = {**attempt.lease, "started": started, "reason": reason, "code": code}
        self._releases.append((attempt, jsonio.dumps(said)))
        self._something.set()

    async def run(self) -> None:
        """Send what there is to send, for ever."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self.backlog:
                await self._flush()
                self._progressed.set()
                self._reported()

    async def until(self, backlog: int) -> None:
        """Wait until at most `backlog` ends are unconfirmed."""
        while self.backlog > backlog:
            self._progressed.clear()
            await self._progressed.wait()

    async def _flush(self) -> None:
        if self._completions:
            batch = self._completions[:_BATCH]
            await self._complete(batch)
            del self._completions[: len(batch)]
        if self._failures:
            batch = self._failures[:_BATCH]
            await self._save_progress(batch)
            await self._fail(batch)
            del self._failures[: len(batch)]
        if self._releases:
            batch = self._releases[:_BATCH]
            await self._save_progress(batch)
            await self._release(batch)
            del self._releases[: len(batch)]

    async def _complete(self, batch: list[Report]) -> None:
        """Send completions. If the database refuses one of them, find it, and let only that one fail."""
        try:
            refused = await self._link.call(
                "complete_steps",
                {"completions": jsonio.array(body for _, body in batch)},
                "outcome <> 'accepted'",
            )
        except OpsError as error:
            if is_not_now(error):
                self._log.warning(
                    "results not taken, trying again", code=error.code, sqlstate=sqlstate(error)
                )
                await asyncio.sleep(_PAUSE)
                await self._complete(batch)
                return
            if len(batch) > 1:
                half = len(batch) // 2
                await self._complete(batch[:half])
                await self._complete(batch[half:])
                return
            attempt = batch[0][0]
            self._log.warning("result refused", code=error.code, **attempt.names)
            self.fail(attempt, error, retryable=False)
            return
        self.outcomes["accepted"] += len(batch) - len(refused)
        bad = {row.step_id for row in refused if row.outcome != LeaseLost.code}
        self._note(batch, [row for row in refused if row.step_id not in bad])
        for one in batch:
            if one[0].ctx.step_id in bad:
                await self._complete([one])  # alone, the refusal says what is wrong with it

    async def _fail(self, batch: list[Report]) -> None:
        rows = await self._send("fail_steps", {"failures": jsonio.array(body for _, body in batch)}, batch)
        self._note(batch, rows)

    async def _release(self, batch: list[Report]) -> None:
        args = {"worker_id": self._worker_id, "leases": jsonio.array(body for _, body in batch)}
        self._note(batch, await self._send("release_steps", args, batch))

    async def _save_progress(self, batch: list[Report]) -> None:
        """Progress that was not sent yet goes first: a failed attempt hands it to the next one."""
        leases = [attempt.lease_with_progress() for attempt, _ in batch if attempt.ctx.has_progress]
        if leases:
            args = {"worker_id": self._worker_id, "leases": jsonio.array(leases)}
            await self._send("extend_leases", args, batch)

    async def _send(self, function: str, args: dict[str, str], batch: list[Report]) -> list[Any]:
        try:
            return await self._link.call(function, args)
        except OpsError as error:
            # The leases run out, and the database takes the steps back: late, but not lost.
            self._log.error(
                "report refused",
                function=function,
                code=error.code,
                step_ids=[attempt.ctx.step_id for attempt, _ in batch],
            )
            return []

    def _note(self, batch: list[Report], rows: list[Any]) -> None:
        if not rows:
            return
        attempts = {attempt.ctx.step_id: attempt for attempt, _ in batch}
        for row in rows:
            self.outcomes[row.outcome] += 1
            attempt = attempts.get(row.step_id)
            if attempt is not None and row.outcome == LeaseLost.code:
                self._log.warning("late report: the lease was lost", code=row.outcome, **attempt.names)
