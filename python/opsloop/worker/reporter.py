"""Reports what became of steps: in batches, and again until the database has heard it or the lease is over.

A completion may be sent twice when the reply to the first one was lost: the database answers both alike. A refusal
that is about a report itself ends that report alone; any other one says: not now. After either the next batch is half
as large, after a success twice, so that one report cannot keep the others back for long.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from opsloop import jsonio
from opsloop.errors import LeaseLost, OpsError, TooLarge, condemns
from opsloop.process.link import Link
from opsloop.process.logs import Logger
from opsloop.worker.attempt import LiveAttempt

_BATCH = 500
_ERROR_LIMIT = 8_000
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0
#: Attempts without a report that are remembered, as their steps may still be leased: the latest.
_UNSAID = 10_000

Report = tuple[LiveAttempt, bytes]


@dataclass(slots=True)
class _Kind:
    """The reports of one kind that the database has not confirmed, and the function that takes them."""

    function: str
    argument: str
    where: str = ""
    """Which rows of its answer are of interest."""
    more: dict[str, str] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    batch: int = _BATCH
    pause: float = _FIRST_PAUSE


def _is_refused(outcome: str) -> bool:
    """Whether a report among others was not taken: its outcome is then the code of an error, and no word."""
    return not outcome.islower() and outcome not in (LeaseLost.code, TooLarge.code)


class Reporter:
    """Collects the ends of attempts and sends them over a link of its own."""

    def __init__(self, link: Link, worker_id: str, reported: Callable[[], None], log: Logger) -> None:
        self._link = link
        self._worker_id = worker_id
        self._reported = reported
        self._log = log
        self._completions = _Kind("complete_steps", "completions", "outcome <> 'accepted'")
        self._failures = _Kind("fail_steps", "failures")
        self._releases = _Kind("release_steps", "leases", more={"worker_id": worker_id})
        self._kinds = (self._completions, self._failures, self._releases)
        self._later: list[tuple[float, Report]] = []
        self._held: dict[str, LiveAttempt] = {}
        self._unsaid: deque[str] = deque(maxlen=_UNSAID)
        self.holding = asyncio.Event()
        """Set while there is something in `held`."""
        self._hurried = False
        self._something = asyncio.Event()
        self._progressed = asyncio.Event()
        #: How many attempts ended how: accepted, queued (to be retried), failed, cancelled, released, dropped, OPS_006.
        self.outcomes: Counter[str] = Counter()

    @property
    def backlog(self) -> int:
        """Number of ends that the database has not confirmed."""
        return sum(len(kind.reports) for kind in self._kinds) + len(self._later)

    def held(self) -> list[LiveAttempt]:
        """Attempts that have ended, but whose leases are still needed: the database did not take their reports yet."""
        return list(self._held.values())

    def tokens(self) -> list[str]:
        """The tokens of all attempts that have ended, and of which the database is not known to have heard."""
        reports = [report for kind in self._kinds for report in kind.reports] + [
            later for _, later in self._later
        ]
        return [attempt.token for attempt, _ in reports] + list(self._unsaid)

    def complete(self, attempt: LiveAttempt, result: Any) -> None:
        """The attempt succeeded with `result`. Raises TypeError when that is not JSON; then nothing is kept."""
        ctx = attempt.ctx
        said = {"step_id": ctx.step_id, "lease_token": attempt.token, "result": result}
        if ctx.has_report:
            said |= ctx.report()
        self._completions.reports.append((attempt, jsonio.dumps(said)))
        self._something.set()

    def fail(
        self, attempt: LiveAttempt, error: OpsError, *, retryable: bool, after: float | None = None
    ) -> None:
        """The attempt failed with `error`; `after`: seconds to wait before the next one, None for the policy's."""
        said: dict[str, Any] = {
            **attempt.proof,
            "error": str(error)[:_ERROR_LIMIT],
            "code": error.code,
            "retryable": retryable,
        }
        if after is not None:
            said["retry_after_seconds"] = after
        self._failures.reports.append((attempt, jsonio.dumps(said)))
        self._something.set()

    def release(
        self,
        attempt: LiveAttempt,
        reason: str,
        *,
        started: bool,
        code: str | None = None,
        after: float = 0,
        wait: float | None = None,
    ) -> None:
        """The attempt was not carried out, no retry is burnt. `started`: part of it may have been; then SQL decides
        whether the step may simply run again. `code`: of the reason, if it is an error. `after`: seconds to keep the
        step before it is given back, and may be claimed again at once. `wait`: seconds that the step itself asks to
        wait before that, given back as it is.
        """
        said: dict[str, Any] = {
            **attempt.proof,
            "started": started,
            "reason": reason[:_ERROR_LIMIT],
            "code": code,
        }
        if wait is not None:
            said["wait_seconds"] = wait
        report = attempt, jsonio.dumps(said)
        if after and not self._hurried:
            self._hold(attempt)
            self._later.append((time.monotonic() + after, report))
        else:
            self._releases.reports.append(report)
        self._something.set()

    def say_nothing(self, attempt: LiveAttempt) -> None:
        """The attempt began, and the database will not hear of its end; it is not to count as never started."""
        self._unsaid.append(attempt.token)

    async def run(self) -> None:
        """Send what there is to send, for ever."""
        while True:
            await self._wait()
            while any(kind.reports for kind in self._kinds):
                for kind in self._kinds:
                    if kind.reports:
                        await self._flush(kind)
                self._progressed.set()
                self._reported()

    async def until(self, backlog: int) -> None:
        """Wait until at most `backlog` ends are unconfirmed."""
        while self.backlog > backlog:
            self._progressed.clear()
            await self._progressed.wait()

    async def finish(self, seconds: float) -> None:
        """Have everything confirmed within that time, what was to be kept for later included, and drop the rest."""
        self._hurried = True
        self._something.set()
        try:
            async with asyncio.timeout(seconds):
                await self.until(0)
        except TimeoutError:
            for kind in self._kinds:
                for attempt, _ in kind.reports:
                    self._drop(attempt, kind.function, "OPS_001", None)
                kind.reports.clear()

    async def _wait(self) -> None:
        """Return when there is something to send."""
        while not self._something.is_set():
            due = min((moment for moment, _ in self._later), default=None)
            try:
                async with asyncio.timeout(None if due is None else max(0.0, due - time.monotonic())):
                    await self._something.wait()
            except TimeoutError:
                break
        self._something.clear()
        now = time.monotonic()
        self._releases.reports += [report for due, report in self._later if self._hurried or due <= now]
        self._later = [later for later in self._later if not self._hurried and later[0] > now]

    async def _flush(self, kind: _Kind) -> None:
        batch = kind.reports[: kind.batch]
        try:
            if kind is not self._completions:
                await self._save_progress(batch)
            rows = await self._link.call(
                kind.function,
                {kind.argument: jsonio.array(body for _, body in batch), **kind.more},
                kind.where,
            )
        except OpsError as error:
            await self._refused(kind, batch, error)
            return
        del kind.reports[: len(batch)]
        kind.batch, kind.pause = min(kind.batch * 2, _BATCH), _FIRST_PAUSE
        refused = {row.step_id for row in rows if _is_refused(row.outcome)} if rows else ()
        if refused:
            # Nothing of these was taken. Alone, the refusal says what is wrong.
            kind.reports[:0] = [report for report in batch if report[0].ctx.step_id in refused]
            kind.batch = 1
            batch = [report for report in batch if report[0].ctx.step_id not in refused]
            rows = [row for row in rows if row.step_id not in refused]
        for attempt, _ in batch if self._held else ():
            self._let_go(attempt)
        if kind is self._completions:
            self.outcomes["accepted"] += len(batch) - len(rows)
        self._note(batch, rows)

    async def _refused(self, kind: _Kind, batch: list[Report], error: OpsError) -> None:
        """Find the one report that is to blame, or keep all of them for a while."""
        kind.batch = max(1, len(batch) // 2)
        if condemns(error):
            if len(batch) == 1:
                kind.reports.pop(0)
                self._condemn(kind, *batch[0], error)
            return
        now = time.monotonic()
        fresh = sum(attempt.token not in self._held for attempt, _ in batch)
        if fresh:
            self._log.warning(
                "reports kept for later",
                function=kind.function,
                code=error.code,
                sqlstate=error.sqlstate,
                count=fresh,
            )
        kept = []
        for attempt, body in batch:
            # The server may give a lease as much grace again: after a restart, or because it could not take it back.
            if now >= attempt.lease.until + attempt.lease.seconds:
                self._drop(attempt, kind.function, error.code, error.sqlstate)
            else:
                self._hold(attempt)
                kept.append((attempt, body))
        del kind.reports[: len(batch)]
        if len(batch) > 1:
            kind.reports = kept + kind.reports
            await asyncio.sleep(_FIRST_PAUSE)
            return
        # One that is refused alone is not to keep the others back.
        kind.reports += kept
        await asyncio.sleep(kind.pause)
        kind.pause = min(kind.pause * 2, _LONGEST_PAUSE)

    def _condemn(self, kind: _Kind, attempt: LiveAttempt, body: bytes, error: OpsError) -> None:
        """A report that will never be taken: a result fails its step, of anything else the text is left out."""
        if kind is self._completions:
            self._log.warning("result refused", code=error.code, sqlstate=error.sqlstate, **attempt.names)
            self.fail(attempt, error, retryable=False)
            return
        said = jsonio.loads(body)
        text = "reason" if kind is self._releases else "error"
        plain = {
            name: said[name]
            for name in ("step_id", "lease_token", "code", "retryable", "started", "wait_seconds")
            if name in said
        }
        plainer = jsonio.dumps(
            {**plain, text: f"{error.code}: the {text} that was reported cannot be stored"}
        )
        if plainer == body:
            self._drop(attempt, kind.function, error.code, error.sqlstate)
        else:
            kind.reports.append((attempt, plainer))

    def _drop(self, attempt: LiveAttempt, function: str, code: str, sqlstate: str | None) -> None:
        self._let_go(attempt)
        self.say_nothing(attempt)
        self.outcomes["dropped"] += 1
        self._log.error(
            "a finished result dropped", function=function, code=code, sqlstate=sqlstate, **attempt.names
        )

    def _hold(self, attempt: LiveAttempt) -> None:
        self._held[attempt.token] = attempt
        self.holding.set()

    def _let_go(self, attempt: LiveAttempt) -> None:
        self._held.pop(attempt.token, None)
        if not self._held:
            self.holding.clear()

    async def _save_progress(self, batch: list[Report]) -> None:
        """Progress that was not sent yet goes first: a failed attempt hands it to the next one."""
        progress = [(a, value) for a, _ in batch if (value := a.ctx.take_progress()) is not None]
        if not progress:
            return
        leases = jsonio.array(attempt.proof_with(value) for attempt, value in progress)
        try:
            await self._link.call("extend_leases", {"worker_id": self._worker_id, "leases": leases})
        except OpsError as error:
            if condemns(error) and len(progress) == 1:
                self._log.warning("progress refused", code=error.code, **progress[0][0].names)
                return
            for attempt, value in progress:
                attempt.ctx.keep_progress(value)
            raise

    def _note(self, batch: list[Report], rows: list[Any]) -> None:
        if not rows:
            return
        attempts = {attempt.ctx.step_id: attempt for attempt, _ in batch}
        for row in rows:
            self.outcomes[row.outcome] += 1
            attempt = attempts.get(row.step_id)
            if attempt is not None and row.outcome == LeaseLost.code:
                self._log.warning("late report: the lease was lost", code=row.outcome, **attempt.names)
