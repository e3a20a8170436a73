"""The worker process: claims, and the life of everything around the claims."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import psycopg

from opsloop.database import Database
from opsloop.errors import LoopMoving, OpsError, is_final, is_passing
from opsloop.executors import Registry
from opsloop.process import logs
from opsloop.process.counts import Counts
from opsloop.process.disowning import Disowning
from opsloop.process.identity import incarnation
from opsloop.process.link import Link
from opsloop.process.mode import Mode
from opsloop.process.stopping import Stopping
from opsloop.worker.attempt import Stop
from opsloop.worker.bell import Bell
from opsloop.worker.capacity import Capacity
from opsloop.worker.heart import Heart
from opsloop.worker.keeper import STOP_GRACE, Keeper
from opsloop.worker.options import Options
from opsloop.worker.registration import Registration
from opsloop.worker.reporter import Reporter
from opsloop.worker.runner import Runner
from opsloop.worker.slumber import Slumber

#: How many unconfirmed results there may be, in batches, before the worker stops taking more.
_BACKLOG = 4
#: How long the last results may take to reach the database at shutdown, seconds.
_LAST_WORDS = 10.0
#: How long reports wait for missions that somebody has locked before they try without those, seconds.
_LONGEST_LOCK = 0.5
#: No call is given up sooner, seconds.
_LEAST_BOUND = 2.0
#: How long the executors with a limit are left alone after a claim for them brought nothing, while others are busy.
_NARROW_PAUSE = 0.05
_LOOK_AGAIN = 0.05
#: Seconds until a worker asks again whether a loop that moves is there.
_MOVING_PAUSE = 2.0
#: How long a change of worker_policy may take to reach a worker, seconds.
_REFRESH = 30.0


class Worker:
    """One incarnation of a worker. `run` is its whole life."""

    def __init__(self, database: Database, registry: Registry, options: Options) -> None:
        self.worker_id = incarnation()
        self._database = database
        self._registry = registry
        self._options = options
        self._log = logs.get(worker_id=self.worker_id)
        self._claims = self._link("claims")
        self._reports = self._link("reports")
        self._leases = self._link("leases")
        self._bell = Bell(self._claims, self.worker_id, options.poll)
        self._reporter = Reporter(self._reports, self.worker_id, self._bell.reported, self._log)
        self._heart = Heart(self._link("heartbeat"), options, self._log)
        self._registration = Registration(self._claims, self.worker_id, database, registry, options)
        self._slumber = Slumber(
            self._claims,
            self._links()[1:],
            self.worker_id,
            self._bell,
            self._heart,
            self._registration,
            options,
            self._log,
        )
        self._counts = Counts(self.worker_id, self._links(), self._reporter.outcomes)
        self._stopping = Stopping(self._bell.ring)
        self._runner: Runner | None = None
        self._disowning = Disowning(self._claims, "disown_steps", self._known, self._bell.ring, self._log)
        self._narrow_again = 0.0
        self._quiet = False
        self._claimed = 0

    def stop(self) -> None:
        """Ask the worker to end: first finishing what runs, and at the second call at once."""
        self._stopping.ask()

    @property
    def mode(self) -> Mode:
        """When it ends by itself."""
        return self._options.mode

    @property
    def claimed(self) -> int:
        """Number of steps it was given so far."""
        return self._claimed

    @property
    def slots(self) -> int:
        """Number of steps that may run at a time."""
        return self._options.concurrency

    @property
    def running(self) -> int:
        """Number of steps that run now."""
        return 0 if self._runner is None else len(self._runner.running)

    @property
    def unreported(self) -> int:
        """Number of ends that the database has not confirmed."""
        return self._reporter.backlog

    @property
    def reconnects(self) -> int:
        """How many of its connections were lost and opened anew."""
        return sum(link.reconnects for link in self._links())

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many attempts ended how: accepted, queued (to be retried), failed, cancelled, released, OPS_006."""
        return self._reporter.outcomes

    @property
    def refusals(self) -> Mapping[str, int]:
        """How many of its claims the database refused, by code: it is not known whether steps wait."""
        return self._claims.refusals

    @property
    def failed_phases(self) -> Mapping[str, int]:
        """How often which phase of its heartbeats failed, `phase: code`: it is not known whether they left work."""
        return self._heart.failures

    @property
    def hurried(self) -> bool:
        """True when it was told twice to stop."""
        return self._stopping.hurried.is_set()

    async def missing_executors(self) -> list[tuple[str, int]]:
        """Executors that ready work waits for and no live worker offers, each with the number of steps."""
        return [(row.executor, row.waiting) for row in await self._claims.call("missing_executors")]

    async def run(self, started: Callable[[], None] = lambda: None) -> bool:
        """Work until told to stop, or until nothing is left, by `Options.mode`. `started` is called once it begins.

        Returns True when every handler has ended. Raises OpsError: OPS_001 when the database cannot be reached at the
        start, OPS_021 when opsloop is not installed there or does not fit (later, too), OPS_026 when it is read-only,
        OPS_102 when the loop has moved to another server (later, too).
        """
        await self._claims.open()
        await self._introduce()
        self._bind()
        # All at the start: later the server may have no connection to spare for a report.
        for link in self._links()[1:]:
            await link.open(tries=3)
        settings = self._registration.settings
        capacity = Capacity(self._options.concurrency, self._registration.limits())
        runner = self._runner = Runner(
            self._registry,
            self._reporter,
            capacity,
            self._database,
            settings,
            self._bell.ring,
            self._log,
            threads=self._options.concurrency,
        )
        keeper = Keeper(
            self._leases,
            self.worker_id,
            runner,
            self._reporter,
            self._options.lease,
            self._slumber.awake,
            self._log,
        )
        if self._options.listen and self._options.mode is Mode.FOREVER:
            await self._bell.listen(settings["notify_channel"])
        services = [
            self._reporter.run(),
            keeper.watch_deadlines(),
            keeper.extend_leases(),
            self._refresh(capacity),
        ]
        if self._options.heartbeat is not None and self._options.mode is Mode.FOREVER:
            services.append(self._heart.run(self._options.heartbeat, self._slumber.awake))
        self._log.info("worker started", executors=sorted(capacity.limits), mode=self._options.mode.value)
        started()
        tasks = [asyncio.create_task(service) for service in services]
        try:
            try:
                await self._until_stopped(self._work(runner, capacity), tasks)
            except Exception as error:
                self._log.error("worker cannot go on", error=type(error).__name__)
                await self._finish(runner)
                raise
            await self._finish(runner)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            runner.close()
        return not runner.running

    async def close(self) -> None:
        """Say goodbye and close the connections; a database that is away is not waited for."""
        try:
            async with asyncio.timeout(STOP_GRACE):
                await self._registration.withdraw()
                await self._counts.tell()
        except (OpsError, TimeoutError) as error:
            self._log.warning("could not say goodbye", error=type(error).__name__)
        for link in self._links():
            await link.close()
        self._log.info("worker ended", claimed=self._claimed, **self.outcomes)

    async def _introduce(self) -> None:
        """Register; one that works for ever waits while the loop moves, as the move may be taken back."""
        while True:
            try:
                return await self._registration.introduce()
            except LoopMoving as error:
                if self._options.mode is not Mode.FOREVER or self._stopping.asked.is_set():
                    raise
                self._log.warning("not registered yet", code=error.code, error=error.message)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_MOVING_PAUSE):
                    await self._stopping.asked.wait()

    def _link(self, purpose: str) -> Link:
        return Link(self._database, purpose, self._log)

    def _links(self) -> list[Link]:
        beats = [] if self._options.heartbeat is None else [self._heart.link]
        return [self._claims, self._reports, self._leases, *beats]

    def _bind(self) -> None:
        """No call may take so long that leases run out meanwhile which it was to keep."""
        lease = self._lease_time()
        self._leases.bound = max(_LEAST_BOUND, lease / 3)
        self._claims.bound = self._reports.bound = max(_LEAST_BOUND, lease)
        self._reports.lock_seconds = min(_LONGEST_LOCK, lease / 100)

    async def _refresh(self, capacity: Capacity) -> None:
        """Now and then look at what policy says by now, for ever."""
        while True:
            await asyncio.sleep(_REFRESH)
            await self._slumber.awake.wait()
            try:
                await self._registration.renew()
                self._bind()
                await self._counts.tell()
                for name, waiting in await self.missing_executors():
                    self._log.warning("nobody offers it", code="OPS_005", executor=name, waiting=waiting)
            except (OpsError, psycopg.Error) as error:
                if is_final(error):
                    raise
                self._log.warning("settings not refreshed", error=type(error).__name__)
            capacity.limits = self._registration.limits()

    async def _until_stopped(
        self, work: Coroutine[Any, Any, None], services: list[asyncio.Task[None]]
    ) -> None:
        """Run `work` to its end, or until a stop is asked for; an error of a service ends the worker."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.asked.wait())
        try:
            await asyncio.wait([working, stopping, *services], return_when=asyncio.FIRST_COMPLETED)
            for done in (working, *services):
                if done.done():
                    done.result()
        finally:
            # A claim on its way is waited for: what it brings would be lost until its lease ran out.
            stopping.cancel()
            await self._end_claims(working)

    async def _end_claims(self, working: asyncio.Task[None]) -> None:
        self._stopping.asked.set()
        self._bell.ring()
        done, _ = await asyncio.wait([working], timeout=STOP_GRACE)
        if not done:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _work(self, runner: Runner, capacity: Capacity) -> None:
        """Claim and start steps until the worker stops, or its mode says that it is done."""
        ends = self._options.mode is not Mode.FOREVER
        if ends and self._options.heartbeat is not None:
            while self._heart.backlog(await self._turn()) and not self._stopping.asked.is_set():
                pass
        fresh = True
        while not self._stopping.asked.is_set():
            if await self._claim(runner, capacity):
                self._bell.busy()
                self._slumber.busy()
                fresh = True
                await self._reporter.until(_BACKLOG * self._options.batch)
            elif not ends and capacity.has_room:
                await self._idle(runner)
            elif not ends:
                await self._bell.pause(self._options.poll)
            elif runner.running or self._reporter.backlog:
                await self._wait_for_an_end()
            elif fresh or self._disowning.is_new:
                fresh = False  # what ended meanwhile may have unblocked something: look once more
            elif await self._stir(runner, capacity):
                fresh = True
            else:
                return

    async def _idle(self, runner: Runner) -> None:
        """Wait until it is time to look again; a refusal of what is asked meanwhile is no reason to end."""
        if runner.running or self._reporter.backlog or self._disowning.goes_on:
            self._slumber.busy()
        try:
            if self._slumber.is_due:
                await self._slumber.sleep()
            else:
                await self._bell.wait()
        except OpsError as error:
            if is_final(error):
                raise
            self._log.warning("idle call refused", code=error.code, sqlstate=error.sqlstate)
            await self._bell.pause(self._options.poll)

    async def _turn(self) -> dict[str, Any]:
        """A heartbeat that the end of the worker depends on: a server that cannot now is asked again."""
        while True:
            try:
                return await self._heart.beat()
            except OpsError as error:
                if not is_passing(error):
                    raise
                self._log.warning("heartbeat failed", code=error.code, sqlstate=error.sqlstate)
                await self._bell.pause(self._options.poll)
                if self._stopping.asked.is_set():
                    return {}

    async def _stir(self, runner: Runner, capacity: Capacity) -> bool:
        """With nothing left to run: whether, with --drain, a heartbeat finds something to do or to claim."""
        if self._options.mode is Mode.ONCE or self._options.heartbeat is None:
            return False
        moved = self._heart.moved(await self._turn())
        return bool(await self._claim(runner, capacity)) or moved

    async def _wait_for_an_end(self) -> None:
        before = self._reporter.backlog
        if before:
            await self._reporter.until(before - 1)
        else:
            await self._bell.pause(_LOOK_AGAIN)

    async def _claim(self, runner: Runner, capacity: Capacity) -> int:
        """Claim what there is room for; returns how many steps that brought.

        After a look that found nothing the next one is a single claim for all executors together, of no more steps
        than each of them has room for: when it is not filled, nobody has to ask again.
        """
        await self._disowning.look(self._lease_time())
        brought = 0
        if self._quiet:
            names, limit = capacity.probe(self._options.batch)
            brought = await self._claim_once(runner, names, limit) if names else 0
            if brought < limit:
                return brought
        for names, limit in capacity.claims(self._options.batch):
            narrow = limit < self._options.batch
            if narrow and brought and time.monotonic() < self._narrow_again:
                continue
            found = await self._claim_once(runner, names, limit)
            if narrow and not found:
                self._narrow_again = time.monotonic() + _NARROW_PAUSE
            brought += found
        self._quiet = not brought
        return brought

    def _known(self) -> dict[str, Any]:
        """Which leases it has heard of; none of its claims is on its way."""
        running = [] if self._runner is None else list(self._runner.running)
        tokens = ",".join([*running, *self._reporter.tokens()])
        return {"worker_id": self.worker_id, "lease_tokens": f"{{{tokens}}}"}

    def _lease_time(self) -> float:
        return float(self._registration.settings["lease_seconds"])

    async def _claim_once(self, runner: Runner, names: list[str], limit: int) -> int:
        """Claim up to `limit` steps of these executors and start them; returns how many there were."""
        args: dict[str, Any] = {"worker_id": self.worker_id, "limit": limit, "executors": names}
        if self._options.lease is not None:
            args["lease_seconds"] = self._options.lease
        claim = await self._claims.claim("claim_steps", args, self._options.poll, timed=True)
        if claim.rows:
            self._claimed += len(claim.rows)
            runner.start(claim)
            # Results are sent while the next claim is on its way.
            await asyncio.sleep(0)
        return len(claim.rows)

    async def _finish(self, runner: Runner) -> None:
        """Let what runs finish within the grace period, stop and release the rest, and report it all."""
        if runner.running:
            self._log.info("finishing", running=len(runner.running), grace=self._options.grace)
            await self._until_idle(runner, self._options.grace, hurry=True)
            for attempt in list(runner.running.values()):
                runner.stop(attempt, Stop.SHUTDOWN)
            await self._until_idle(runner, STOP_GRACE, hurry=False)
            for attempt in list(runner.running.values()):
                runner.give_up(attempt)
        await self._reporter.finish(_LAST_WORDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_GRACE):
                await self._disowning.look(self._lease_time(), last=True)

    async def _until_idle(self, runner: Runner, seconds: float, *, hurry: bool) -> None:
        ends = time.monotonic() + seconds
        while runner.running and time.monotonic() < ends and not (hurry and self._stopping.hurried.is_set()):
            await self._bell.pause(min(_LOOK_AGAIN, max(0.0, ends - time.monotonic())))
