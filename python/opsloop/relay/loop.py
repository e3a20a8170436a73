"""The relay process: claims messages, delivers them, reports.

Messages of one aggregate that one claim brought are a run: they are delivered one after the other, and the first that
fails ends the run. Runs are delivered beside each other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsloop import compatibility, jsonio
from opsloop.database import Database
from opsloop.errors import OpsError, ParamsRefused, is_final
from opsloop.executors.outcomes import Fatal, Retry, RetryAfter
from opsloop.process import logs
from opsloop.process.counts import Counts
from opsloop.process.disowning import Disowning
from opsloop.process.identity import incarnation
from opsloop.process.link import Link
from opsloop.process.mode import Mode
from opsloop.process.stopping import Stopping
from opsloop.relay.options import RelayOptions
from opsloop.relay.reporter import DeliveryReporter
from opsloop.relay.sinks import IN_DATABASE, Message, Sinks

_FIRST_POLL = 0.02
#: How long the last reports may take to reach the database at the end, seconds.
_LAST_WORDS = 10.0
#: So much of its lease a run must have left to begin another delivery: one that begins later might still be on its way
#: when somebody else delivers what comes after it.
_LEAST_LEFT = 0.25
#: How long a claim lasts as long as none has told otherwise, seconds.
_LEASE = 60
#: No call is given up sooner, seconds.
_LEAST_BOUND = 2.0
_TICK = 0.1
#: How long its last words about itself may take, seconds.
_GOODBYE = 3.0
#: How often it looks whether there is something to tell about itself, seconds.
_TELL = 30.0


@dataclass(slots=True, eq=False)
class Run:
    """Messages of one aggregate, in order, and until when they are this relay's."""

    messages: list[tuple[Message, str]]
    lease_until: float
    lease: float
    open: int = field(init=False)
    """Messages that are not settled in the database."""
    lost: bool = False
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.open = len(self.messages)

    def may_go_on(self) -> bool:
        """Whether the next message may be sent."""
        return not self.lost and time.monotonic() < self.lease_until - _LEAST_LEFT * self.lease


class Relay:
    """One incarnation of a relay. `run` is its whole life."""

    def __init__(self, database: Database, sinks: Sinks, options: RelayOptions) -> None:
        self.processor_id = incarnation()
        self._sinks = sinks
        self._options = options
        self._log = logs.get(processor_id=self.processor_id)
        self._claims = Link(database, "claims", self._log, program="relay")
        self._reports = Link(database, "reports", self._log, program="relay")
        self._leases = Link(database, "leases", self._log, program="relay")
        self._links = (self._claims, self._reports, self._leases)
        self._reporter = DeliveryReporter(
            self._reports, self.processor_id, self._is_held, self._settled, self._log
        )
        self._counts = Counts(self.processor_id, self._links, self._reporter.outcomes)
        self._wake = asyncio.Event()
        self._stopping = Stopping(self._wake.set)
        self._room = asyncio.Semaphore(options.concurrency)
        self._runs: dict[int, Run] = {}
        self._tasks: dict[asyncio.Task[None], Run] = {}
        self._lease = float(options.lease or _LEASE)
        self._settings: dict[str, Any] = {}
        self._claimed = 0
        self._disowning = Disowning(
            self._claims, "disown_outbox_events", self._known, self._wake.set, self._log
        )

    def stop(self) -> None:
        """Ask the relay to end: first letting what is on its way arrive, and at the second call at once."""
        self._stopping.ask()

    @property
    def claimed(self) -> int:
        """Number of messages it was given so far."""
        return self._claimed

    @property
    def on_the_way(self) -> int:
        """Number of messages that it has and that are not settled."""
        return len(self._runs)

    @property
    def slots(self) -> int:
        """Number of deliveries at a time."""
        return self._options.concurrency

    @property
    def running(self) -> int:
        """Number of runs, each of one aggregate, that are being delivered."""
        return len(self._tasks)

    @property
    def unreported(self) -> int:
        """Number of ends that the database has not confirmed."""
        return self._reporter.backlog

    @property
    def reconnects(self) -> int:
        """How many of its connections were lost and opened anew."""
        return sum(link.reconnects for link in self._links)

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many ended how: delivered, retry, dead, released, OPS_006."""
        return self._reporter.outcomes

    @property
    def refusals(self) -> Mapping[str, int]:
        """How many of its claims the database refused, by code: it is not known whether messages wait."""
        return self._claims.refusals

    @property
    def hurried(self) -> bool:
        """True when it was told twice to stop."""
        return self._stopping.hurried.is_set()

    async def run(self) -> None:
        """Deliver until told to stop, or until nothing is left, by `RelayOptions.mode`.

        Raises OpsError: OPS_001 when the database cannot be reached at the start, OPS_021 when opsloop is not there or
        does not fit (later, too), OPS_102 when the loop has moved to another server.
        """
        for link in self._links:
            await link.open(tries=1 if link is self._claims else 3)
        await self._assert_served()
        self._log.info("relay started", sinks=sorted(self._sinks), mode=self._options.mode.value)
        services = [
            asyncio.create_task(self._reporter.run()),
            asyncio.create_task(self._extend()),
            asyncio.create_task(self._fence()),
            asyncio.create_task(self._tell()),
        ]
        try:
            try:
                await self._work(services)
            except Exception as error:
                self._log.error("relay cannot go on", error=type(error).__name__)
                await self._finish()
                raise
            await self._finish()
        finally:
            for task in (*services, *self._tasks):
                task.cancel()
            await asyncio.gather(*services, *self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Say what was counted and close the connections; a database that is away is not waited for."""
        try:
            async with asyncio.timeout(_GOODBYE):
                await self._counts.tell()
        except (OpsError, TimeoutError) as error:
            self._log.warning("could not say what it counted", error=type(error).__name__)
        for link in self._links:
            await link.close()
        self._log.info("relay ended", claimed=self._claimed, **self.outcomes)

    async def _work(self, services: list[asyncio.Task[None]]) -> None:
        pause = _FIRST_POLL
        while not self._stopping.asked.is_set():
            for service in services:
                if service.done():
                    service.result()
            self._wake.clear()
            await self._disowning.look(self._lease)
            if len(self._runs) > self._options.batch:
                await self._nap(self._options.poll)
                continue
            if await self._claim():
                pause = _FIRST_POLL
                if self._options.mode is Mode.ONCE:
                    return
            elif self._options.mode is not Mode.FOREVER and not self._runs:
                if not self._disowning.is_new:
                    return
            else:
                await self._nap(pause)
                pause = min(pause * 2, self._options.poll)

    async def _nap(self, seconds: float) -> None:
        """Wait until something was settled or a stop is asked for, `seconds` at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _claim(self) -> int:
        """Claim messages and start their delivery; returns how many there were."""
        args: dict[str, Any] = {
            "processor_id": self.processor_id,
            "limit": self._options.batch,
            "per_aggregate": self._options.per_aggregate,
        }
        if self._options.lease is not None:
            args["lease_seconds"] = self._options.lease
        asked, rows = await self._claims.claim("claim_outbox_deliveries", args, self._options.poll)
        self._claimed += len(rows)
        together: dict[tuple[str, str], list[Any]] = {}
        for row in rows:
            together.setdefault((row.aggregate_type, row.aggregate_id), []).append(row)
        for group in together.values():
            lease = float(group[0].lease_seconds)
            # Counted from the question on: the server did not begin to count before.
            run = Run([self._message(row) for row in group], asked + lease, lease)
            for message, _ in run.messages:
                self._runs[message.id] = run
            run.task = asyncio.create_task(self._deliver_run(run))
            self._tasks[run.task] = run
            run.task.add_done_callback(self._tasks.pop)
            self._lease = lease
            self._leases.bound = max(_LEAST_BOUND, lease / 3)
            self._reports.bound = max(_LEAST_BOUND, lease)
        return len(rows)

    def _known(self) -> dict[str, Any]:
        """Which messages it has heard of, or may still deliver; none of its claims is on its way."""
        on_the_way = {message.id for run in self._tasks.values() for message, _ in run.messages}
        args: dict[str, Any] = {
            "processor_id": self.processor_id,
            "event_ids": [*self._runs.keys() | on_the_way],
        }
        if self._options.lease is not None:
            args["lease_seconds"] = self._options.lease
        return args

    def _message(self, row: Any) -> tuple[Message, str]:
        settings = self._settings.get(row.settings)
        if settings is None:
            if len(self._settings) > 1000:
                self._settings.clear()
            settings = self._settings[row.settings] = jsonio.loads(row.settings)
        message = Message(
            row.id,
            row.aggregate_type,
            row.aggregate_id,
            row.event_type,
            row.retry_count,
            row.idempotency_key,
            row.body.encode(),
            settings,
        )
        return message, row.sink

    async def _deliver_run(self, run: Run) -> None:
        for message, sink in run.messages:
            async with self._room:
                if self._stopping.asked.is_set():
                    self._reporter.report(message.id, "released")
                    return
                if not run.may_go_on():
                    self._forget(run)
                    return
                if not await self._deliver(message, sink):
                    return

    async def _deliver(self, message: Message, sink: str) -> bool:
        """Deliver one message and report it; whether the run goes on."""
        if sink == IN_DATABASE:
            self._reporter.report(message.id, "notify")
            return True
        try:
            fault = message.settings.get("fault")
            deliver = self._sinks.get(sink)
            if fault is not None:
                raise Retry(fault)
            if deliver is None:
                raise Retry(f"this relay has no sink {sink!r}")
            await deliver(message)
        except asyncio.CancelledError:
            if message.id not in self._runs:
                raise  # fenced: it is not this relay's any more
            self._reporter.report(message.id, "retry", "the relay was stopped while it delivered this")
            raise
        except RetryAfter as error:
            self._reporter.report(message.id, "retry", str(error), error.seconds)
        except (Fatal, ParamsRefused) as error:
            self._reporter.report(message.id, "dead", str(error))
            self._log.warning("message is dead", event_id=message.id, sink=sink)
            return True
        except Retry as error:
            self._reporter.report(message.id, "retry", str(error))
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, the message was not delivered
            self._reporter.report(message.id, "retry", f"{type(error).__name__}: {error}")
        else:
            self._reporter.report(message.id, "delivered")
            return True
        self._log.info("delivery failed", event_id=message.id, sink=sink, retry_count=message.retry_count)
        return False

    def _settled(self, event_id: int, outcome: str) -> None:
        """The database has heard what became of a message."""
        run = self._runs.get(event_id)
        if run is None:
            return
        if outcome in ("delivered", "dead", "gone"):
            del self._runs[event_id]
            run.open -= 1
            if run.open:
                return
        else:
            self._forget(run)
        self._wake.set()

    def _forget(self, run: Run) -> None:
        """The rest of a run does not belong to this relay any more."""
        run.lost = True
        for message, _ in run.messages:
            self._runs.pop(message.id, None)
        self._wake.set()

    async def _extend(self) -> None:
        """Extend the leases of the runs that are on their way, for ever."""
        while True:
            lease = min((run.lease for run in self._runs.values()), default=self._options.poll * 3)
            await asyncio.sleep(max(lease / 3, 0.1))
            runs = {id(run): (event_id, run) for event_id, run in self._runs.items()}
            if not runs:
                continue
            args: dict[str, Any] = {
                "processor_id": self.processor_id,
                "event_ids": [event_id for event_id, _ in runs.values()],
            }
            if self._options.lease is not None:
                args["lease_seconds"] = self._options.lease
            asked = time.monotonic()
            try:
                rows = await self._leases.call("extend_outbox_claims", args)
            except OpsError as error:
                self._log.warning("claims not extended", code=error.code)
                continue
            kept = {row.event_id for row in rows if row.ok}
            for event_id, run in runs.values():
                if event_id in kept:
                    run.lease_until = asked + run.lease
                elif event_id in self._runs:
                    self._log.warning("claim lost", code="OPS_006", event_id=event_id)
                    self._forget(run)

    async def _fence(self) -> None:
        """Stop what is on its way past its lease, which may be somebody else's by now, for ever."""
        while True:
            await asyncio.sleep(_TICK)
            now = time.monotonic()
            over = {id(run): run for run in self._runs.values() if now >= run.lease_until}
            for run in over.values():
                if run.task is not None and not run.task.done():
                    self._log.warning("claim over", code="OPS_006", event_id=run.messages[0][0].id)
                    self._forget(run)
                    run.task.cancel()

    async def _assert_served(self) -> None:
        """Raise SchemaMismatch unless the schema serves this package."""
        try:
            number = await self._claims.value("compatibility")
        except OpsError as error:
            number = compatibility.unasked(error)
        compatibility.assert_served(number)

    async def _tell(self) -> None:
        """Now and then say what was counted, and look whether the schema still serves this package, for ever."""
        while True:
            await asyncio.sleep(_TELL)
            try:
                await self._assert_served()
                await self._counts.tell()
            except OpsError as error:
                if is_final(error):
                    raise
                self._log.warning("counts not told", code=error.code)

    def _is_held(self, event_id: int) -> bool:
        """Whether the claim of a message may still be this relay's; the server may give it as much grace again."""
        run = self._runs.get(event_id)
        return run is not None and not run.lost and time.monotonic() < run.lease_until + run.lease

    async def _finish(self) -> None:
        """Let deliveries finish within the grace period, give the rest back, and report it all."""
        if self._tasks:
            hurry = asyncio.create_task(self._stopping.hurried.wait())
            everything: asyncio.Future[list[object]] = asyncio.gather(*self._tasks, return_exceptions=True)
            limit = self._options.grace if self._stopping.asked.is_set() else None
            waiting: set[asyncio.Future[Any]] = {everything, hurry}
            await asyncio.wait(waiting, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            hurry.cancel()
            for task in self._tasks:
                task.cancel()
            await everything
        await self._reporter.finish(_LAST_WORDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                await self._disowning.look(self._lease, last=True)
