"""Runs handlers. A non-blocking function runs at once, a coroutine as a task, anything else in a thread.

A task is made only where something waits: a batch of steps whose handlers return at once costs a plain loop.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from opsloop.database import Database
from opsloop.errors import (
    DatabaseUnavailable,
    ExecutorNotFound,
    LeaseLost,
    OpsError,
    ParamsRefused,
    StepFailed,
    is_outage,
)
from opsloop.executors import Context, Executor, Fatal, Registry, RetryAfter, Wait
from opsloop.jsonio import loads
from opsloop.process.link import Timed
from opsloop.process.logs import Logger
from opsloop.worker.attempt import HeldLease, LiveAttempt, Stop
from opsloop.worker.capacity import Capacity
from opsloop.worker.reporter import Reporter

#: Seconds before a step that met an outage of the loop's database is given back, at most; two at first.
_LONGEST_OUTAGE_PAUSE = 30.0


class Runner:
    """Starts claimed steps and hands their ends to the reporter.

    `running` has every attempt that has not ended, by its token. `freed` is called whenever one ends.
    """

    def __init__(
        self,
        registry: Registry,
        reporter: Reporter,
        capacity: Capacity,
        database: Database,
        settings: Mapping[str, Any],
        freed: Callable[[], None],
        log: Logger,
        threads: int,
    ) -> None:
        self.running: dict[str, LiveAttempt] = {}
        self.began = asyncio.Event()
        """Set when something runs that did not end at once."""
        self._registry = registry
        self._reporter = reporter
        self._capacity = capacity
        self._database = database
        self._settings = settings
        self._freed = freed
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="step")

    def start(self, claim: Timed) -> None:
        """Begin the attempts that a claim brought.

        The times in its answer tell how long lease and deadline are, and this process's monotonic clock when they are
        over: the server's clock may be set, and the server may be another one by then.
        """
        lease_said, deadline_said = "", None
        deadline: datetime | None = None
        ends: float | None = None
        lease, over = HeldLease.given(claim.asked, 0), 0.0
        now = datetime.fromisoformat(claim.rows[0].now)
        for row in claim.rows:
            # Most of a batch have the same.
            if row.lease_expires_at != lease_said or row.deadline_at != deadline_said:
                lease_said, deadline_said = row.lease_expires_at, row.deadline_at
                left = datetime.fromisoformat(lease_said) - now
                lease = HeldLease.given(claim.asked, left.total_seconds())
                deadline = None if deadline_said is None else datetime.fromisoformat(deadline_said)
                ends = None if deadline is None else claim.asked + (deadline - now).total_seconds()
                over = lease.until if ends is None else min(ends, lease.until)
            # Most have none; what is decoded here is this attempt's own.
            unreadable: ValueError | None = None
            try:
                given = {} if row.params == "{}" else loads(row.params)
                found_before = {} if row.inputs == "{}" else loads(row.inputs)
                kept = None if row.progress is None else loads(row.progress)
            except ValueError as error:
                given, found_before, kept, unreadable = {}, {}, None, error
            ctx = Context(
                row.step_id,
                given,
                mission_id=row.mission_id,
                key=row.key,
                kind=row.kind,
                executor=row.executor,
                inputs=found_before,
                attempt=row.attempt,
                deadline=deadline,
                ends=ends,
                last_progress=kept,
                idempotency_key=row.idempotency_key,
                token=row.lease_token,
                settings=self._settings,
                database=self._database,
            )
            attempt = LiveAttempt(ctx, row.executor, row.lease_token, ends, lease)
            found = self._registry.get(row.run_with)
            if unreadable is not None:
                # jsonb holds numbers and depths that the worker's JSON does not: none of them may end the worker.
                self._failed(attempt, Fatal(f"its params, inputs or progress cannot be read: {unreadable}"))
            elif found is None:
                missing = ExecutorNotFound(f"this worker has no executor {row.run_with!r}")
                self._log.warning("step given back", code=missing.code, **attempt.names)
                self._capacity.withdraw(row.executor)  # or this worker would get it back at once
                self._reporter.release(attempt, str(missing), code=missing.code, started=False)
            elif over <= time.monotonic():
                self._log.warning("step given back", code=LeaseLost.code, **attempt.names)
                self._reporter.release(attempt, "its time was over before it began", started=False)
            else:
                self._start(attempt, found)

    def stop(self, attempt: LiveAttempt, why: Stop) -> None:
        """Ask an attempt to end: its coroutine is cancelled; a thread can only be told, by `ctx.cancelled`."""
        if attempt.stop is not None:
            return
        attempt.stop = why
        attempt.stopped_at = time.monotonic()
        attempt.ctx.cancelled = True
        self._log.info("stopping step", why=why.value, **attempt.names)
        if attempt.task is not None:
            attempt.task.cancel()
        else:
            self.give_up(attempt)

    def give_up(self, attempt: LiveAttempt) -> None:
        """Report an attempt that was asked to stop, without waiting for its handler any longer."""
        if not attempt.reported:
            attempt.reported = True
            self._report_stopped(attempt)

    def close(self) -> None:
        """Let go of the threads; those still busy are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _start(self, attempt: LiveAttempt, found: Executor) -> None:
        handler = found.handler
        if found.is_async:
            self._spawn(attempt, handler(attempt.ctx))
        elif found.blocking:
            self._enter(attempt)
            future = self._loop.run_in_executor(self._threads, handler, attempt.ctx)
            future.add_done_callback(lambda done: self._thread_ended(attempt, done))
        else:
            try:
                value = handler(attempt.ctx)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a handler raises is its failure
                self._failed(attempt, error)
                return
            if type(value) is dict or not inspect.isawaitable(value):
                self._succeeded(attempt, value)
            else:
                self._spawn(attempt, value)

    def _enter(self, attempt: LiveAttempt) -> None:
        self._capacity.take(attempt.executor)
        self.running[attempt.token] = attempt
        self.began.set()

    def _leave(self, attempt: LiveAttempt) -> None:
        self._capacity.give_back(attempt.executor)
        del self.running[attempt.token]
        if not self.running:
            self.began.clear()
        self._freed()

    def _spawn(self, attempt: LiveAttempt, awaitable: Awaitable[Any]) -> None:
        self._enter(attempt)
        attempt.task = self._loop.create_task(self._await(attempt, awaitable))

    async def _await(self, attempt: LiveAttempt, awaitable: Awaitable[Any]) -> None:
        try:
            value = await awaitable
        except asyncio.CancelledError as error:
            if attempt.stop is not None:
                self.give_up(attempt)
            elif not attempt.reported:
                self._failed(attempt, error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a handler raises is its failure
            if not attempt.reported:
                self._failed(attempt, error)
        else:
            if not attempt.reported:
                self._succeeded(attempt, value)
        finally:
            self._leave(attempt)

    def _thread_ended(self, attempt: LiveAttempt, done: asyncio.Future[Any]) -> None:
        self._leave(attempt)
        error = None if done.cancelled() else done.exception()
        if attempt.reported:
            self._log.info("thread ended after its step was given up", **attempt.names)
        elif error is not None:
            self._failed(attempt, error)
        elif not done.cancelled():
            self._succeeded(attempt, done.result())

    def _succeeded(self, attempt: LiveAttempt, value: Any) -> None:
        attempt.reported = True
        try:
            self._reporter.complete(attempt, value)
        except TypeError as error:
            self._failed(attempt, Fatal(f"the executor's result cannot be stored: {error}"))

    def _failed(self, attempt: LiveAttempt, error: BaseException) -> None:
        attempt.reported = True
        if attempt.stop in (Stop.CANCELLED, Stop.DEADLINE, Stop.FENCED):
            self._report_stopped(attempt)
            return
        if isinstance(error, Wait):
            self._reporter.release(attempt, str(error), started=False, wait=error.seconds)
            return
        if (isinstance(error, OpsError) and is_outage(error)) or attempt.ctx.met_outage(error):
            # The loop's own database was away, which is no fault of the step's.
            self._log.warning("step given back", code=DatabaseUnavailable.code, **attempt.names)
            self._reporter.release(
                attempt,
                describe(error),
                started=False,
                code=DatabaseUnavailable.code,
                after=min(2.0**attempt.ctx.attempt, _LONGEST_OUTAGE_PAUSE),
            )
            return
        failure = error if isinstance(error, OpsError) else StepFailed(describe(error))
        self._log.warning("step failed", code=failure.code, error=type(error).__name__, **attempt.names)
        self._reporter.fail(
            attempt,
            failure,
            retryable=not isinstance(error, Fatal | ParamsRefused),
            after=error.seconds if isinstance(error, RetryAfter) else None,
        )

    def _report_stopped(self, attempt: LiveAttempt) -> None:
        if attempt.stop is Stop.SHUTDOWN:
            self._reporter.release(attempt, "the worker shuts down", started=True)
        elif attempt.stop is Stop.FENCED:
            self._reporter.release(attempt, Stop.FENCED.value, started=True, code=LeaseLost.code)
        elif attempt.stop is Stop.LOST:
            self._reporter.say_nothing(attempt)
        else:
            why = attempt.stop.value if attempt.stop is not None else ""
            failure = StepFailed(f"stopped: {why}")
            self._log.warning("step stopped", code=failure.code, **attempt.names)
            self._reporter.fail(attempt, failure, retryable=True)


def describe(error: BaseException) -> str:
    """The text of an exception, with its type unless it is one of the outcomes an executor may raise."""
    if isinstance(error, RetryAfter | Fatal) or type(error).__module__ == "opsloop.executors.outcomes":
        return str(error) or type(error).__name__
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
