"""The worker process: claims, and the life of everything around the claims."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import psycopg

import opsloop
from opsloop import migrate
from opsloop.errors import OpsError, ReadOnlyDatabase, SchemaMismatch
from opsloop.executors import Executor, Registry, jsonio
from opsloop.executors.transaction import Database
from opsloop.worker import logs
from opsloop.worker.attempt import Stop
from opsloop.worker.bell import Bell
from opsloop.worker.capacity import Capacity
from opsloop.worker.clock import Clock
from opsloop.worker.heart import Heart
from opsloop.worker.keeper import STOP_GRACE, Keeper
from opsloop.worker.link import Link
from opsloop.worker.options import Mode, Options
from opsloop.worker.reporter import Reporter
from opsloop.worker.runner import Runner

#: Steps of one blocking executor that run at a time when nothing else is said: each needs a thread.
_THREADS = 16
#: How many unconfirmed results there may be, in batches, before the worker stops taking more.
_BACKLOG = 4
#: How long the last results may take to reach the database at shutdown, seconds.
_LAST_WORDS = 10.0
#: How long the executors with a limit are left alone after a claim for them brought nothing, while others are busy.
_NARROW_PAUSE = 0.05
_LOOK_AGAIN = 0.05
#: How long the question for the database's time may take to count, seconds.
_EXACT_ENOUGH = 2.0
#: How long a change of worker_policy may take to reach a worker, seconds.
_REFRESH = 30.0
#: The executor that policy's presets are settings for.
_PRESETS_RUN_WITH = "command"


class Worker:
    """One incarnation of a worker. `run` is its whole life."""

    def __init__(self, database: Database, registry: Registry, options: Options) -> None:
        self.worker_id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._database = database
        self._registry = registry
        self._options = options
        self._log = logs.get(worker_id=self.worker_id)
        self._claims = self._link("claims")
        self._reports = self._link("reports")
        self._leases = self._link("leases")
        self._clock = Clock()
        self._bell = Bell(self._claims, self.worker_id, options.poll)
        self._reporter = Reporter(self._reports, self.worker_id, self._bell.reported, self._log)
        self._heart = Heart(self._link("heartbeat"), options, self._log)
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._narrow_again = 0.0
        self._quiet = False
        self._claimed = 0
        self._registered = False

    def stop(self) -> None:
        """Ask the worker to end: first finishing what runs, and at the second call at once."""
        if self._stopping.is_set():
            self._hurry.set()
        self._stopping.set()
        self._bell.ring()

    @property
    def mode(self) -> Mode:
        """When it ends by itself."""
        return self._options.mode

    @property
    def claimed(self) -> int:
        """Number of steps it was given so far."""
        return self._claimed

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many attempts ended how: accepted, queued (to be retried), failed, cancelled, released, OPS_006."""
        return self._reporter.outcomes

    @property
    def hurried(self) -> bool:
        """True when it was told twice to stop."""
        return self._hurry.is_set()

    async def missing_executors(self) -> list[tuple[str, int]]:
        """Executors that ready work waits for and no live worker offers, each with the number of steps."""
        return [(row[0], row[1]) for row in await self._claims.call("missing_executors")]

    async def run(self, started: Callable[[], None] = lambda: None) -> bool:
        """Work until told to stop, or until nothing is left, by `Options.mode`. `started` is called once it begins.

        Returns True when every handler has ended. Raises OpsError: OPS_001 when the database cannot be reached at the
        start, OPS_021 when opsloop is not installed there, or of another release, OPS_026 when it is read-only.
        """
        await self._claims.open()
        settings = await self._introduce()
        self._registered = True
        _check_release(settings.get("schema_version"))
        await self._learn_time()
        capacity = Capacity(self._options.concurrency, self._limits(settings))
        runner = Runner(
            self._registry,
            self._reporter,
            capacity,
            self._clock,
            self._database,
            settings,
            self._bell.ring,
            self._log,
            threads=self._options.concurrency,
        )
        keeper = Keeper(self._leases, self.worker_id, runner, self._clock, self._options.lease, self._log)
        if self._options.listen and self._options.mode is Mode.FOREVER:
            await self._bell.listen(settings["notify_channel"])
        services = [
            self._reporter.run(),
            keeper.watch_deadlines(),
            keeper.extend_leases(),
            self._refresh(settings, capacity),
        ]
        if self._options.heartbeat is not None and self._options.mode is Mode.FOREVER:
            services.append(self._heart.run(self._options.heartbeat))
        self._log.info("worker started", executors=sorted(capacity.limits), mode=self._options.mode.value)
        started()
        tasks = [asyncio.create_task(service) for service in services]
        try:
            await self._until_stopped(self._work(runner, capacity), tasks)
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
                if self._registered:
                    await self._claims.call("unregister_worker", {"worker_id": self.worker_id})
        except (OpsError, TimeoutError) as error:
            self._log.warning("could not say goodbye", error=type(error).__name__)
        for link in (self._claims, self._reports, self._leases, self._heart.link):
            await link.close()
        self._log.info("worker ended", claimed=self._claimed, **self.outcomes)

    def _link(self, purpose: str) -> Link:
        return Link(self._database, purpose, self._log)

    async def _introduce(self) -> dict[str, Any]:
        """Register for the first time; a database that is not the right one is named in one sentence."""
        where = f"schema {self._database.schema} of database {self._claims.database}"
        try:
            return await self._register()
        except ReadOnlyDatabase as error:
            raise ReadOnlyDatabase(
                f"database {self._claims.database} is read-only: a standby, or default_transaction_read_only is on",
                detail=error.message,
                hint=error.hint,
            ) from error
        except SchemaMismatch as error:
            state = await asyncio.to_thread(migrate.status, self._database.dsn, self._database.schema)
            what = (
                f"opsloop is not installed in {where}"
                if not state.applied
                else f"{where} is of {'a newer' if state.unknown else 'an older'} release than this worker"
            )
            raise SchemaMismatch(what, detail=error.message, hint=error.hint) from error

    async def _register(self) -> dict[str, Any]:
        """Announce this process; returns the settings that policy has for it."""
        own = {"max_retries": self._options.max_retries, "lease_seconds": self._options.lease}
        offers = {one.name: {"idempotent": one.idempotent} for one in self._registry}
        args: dict[str, Any] = {
            "worker_id": self.worker_id,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            "version": opsloop.__version__,
            "settings": _json({name: value for name, value in own.items() if value is not None}),
        }
        rows = await self._claims.call("register_worker", {**args, "executors": _json(offers)})
        settings: dict[str, Any] = jsonio.loads(rows[0][0])
        command = self._registry.get(_PRESETS_RUN_WITH)
        presets = [] if command is None else [name for name in settings["presets"] if name not in offers]
        if command is not None and presets:
            # Presets are policy's, so the worker learns of them only now; it offers them by their names, too.
            offers |= {name: {"idempotent": command.idempotent} for name in presets}
            await self._claims.call("register_worker", {**args, "executors": _json(offers)})
        return settings

    async def _learn_time(self) -> None:
        asked, answered = 0.0, _EXACT_ENOUGH + 1
        while answered - asked > _EXACT_ENOUGH:  # a connection that had to be opened anew takes its time
            asked = time.monotonic()
            moment = await self._claims.now()
            answered = time.monotonic()
        self._clock.learn(moment, asked, answered)

    async def _refresh(self, settings: dict[str, Any], capacity: Capacity) -> None:
        """Now and then look at what policy says by now, and at the clock, for ever."""
        while True:
            await asyncio.sleep(_REFRESH)
            try:
                settings.update(await self._register())
                await self._learn_time()
                for name, waiting in await self.missing_executors():
                    self._log.warning("nobody offers it", code="OPS_005", executor=name, waiting=waiting)
            except (OpsError, psycopg.Error) as error:
                self._log.warning("settings not refreshed", error=type(error).__name__)
            capacity.limits = self._limits(settings)

    def _limits(self, settings: dict[str, Any]) -> dict[str, int | None]:
        """What to claim, each executor with its limit: command line, then policy, then the executor's own."""
        offered: dict[str, Executor] = {one.name: one for one in self._registry}
        command = self._registry.get(_PRESETS_RUN_WITH)
        if command is not None:
            offered = {**dict.fromkeys(settings["presets"], command), **offered}
        policy = settings.get("executors") or {}
        limits: dict[str, int | None] = {}
        for name, one in offered.items():
            own = one.concurrency
            if own is None and one.blocking and not one.is_async:
                own = _THREADS
            limit = self._options.executor_concurrency.get(
                name, (policy.get(name) or {}).get("concurrency", own)
            )
            limits[name] = None if limit is None else int(limit)
        return limits

    async def _until_stopped(
        self, work: Coroutine[Any, Any, None], services: list[asyncio.Task[None]]
    ) -> None:
        """Run `work` to its end, or until a stop is asked for; an error of a service ends the worker."""
        working = asyncio.create_task(work)
        stopping = asyncio.create_task(self._stopping.wait())
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
        self._stopping.set()
        self._bell.ring()
        done, _ = await asyncio.wait([working], timeout=STOP_GRACE)
        if not done:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def _work(self, runner: Runner, capacity: Capacity) -> None:
        """Claim and start steps until the worker stops, or its mode says that it is done."""
        ends = self._options.mode is not Mode.FOREVER
        if ends and self._options.heartbeat is not None:
            while self._heart.backlog(await self._heart.beat()) and not self._stopping.is_set():
                pass
        fresh = True
        while not self._stopping.is_set():
            if await self._claim(runner, capacity):
                self._bell.busy()
                fresh = True
                await self._reporter.until(_BACKLOG * self._options.batch)
            elif not ends and capacity.has_room:
                await self._bell.wait()
            elif not ends:
                await self._bell.pause(self._options.poll)
            elif runner.running or self._reporter.backlog:
                await self._wait_for_an_end()
            elif fresh:
                fresh = False  # what ended meanwhile may have unblocked something: look once more
            elif await self._stir(runner, capacity):
                fresh = True
            else:
                return

    async def _stir(self, runner: Runner, capacity: Capacity) -> bool:
        """With nothing left to run: whether, with --drain, a heartbeat finds something to do or to claim."""
        if self._options.mode is Mode.ONCE or self._options.heartbeat is None:
            return False
        moved = self._heart.moved(await self._heart.beat())
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

    async def _claim_once(self, runner: Runner, names: list[str], limit: int) -> int:
        """Claim up to `limit` steps of these executors and start them; returns how many there were."""
        args: dict[str, Any] = {"worker_id": self.worker_id, "limit": limit, "executors": names}
        if self._options.lease is not None:
            args["lease_seconds"] = self._options.lease
        try:
            rows = await self._claims.call("claim_steps", args)
        except SchemaMismatch:
            raise
        except OpsError as error:
            self._log.error("claim refused", code=error.code)
            await asyncio.sleep(self._options.poll)
            return 0
        if rows:
            self._claimed += len(rows)
            runner.start(rows)
            # Results are sent while the next claim is on its way.
            await asyncio.sleep(0)
        return len(rows)

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
        try:
            async with asyncio.timeout(_LAST_WORDS):
                await self._reporter.until(0)
        except TimeoutError:
            self._log.error("results not delivered", code="OPS_001", count=self._reporter.backlog)

    async def _until_idle(self, runner: Runner, seconds: float, *, hurry: bool) -> None:
        ends = time.monotonic() + seconds
        while runner.running and time.monotonic() < ends and not (hurry and self._hurry.is_set()):
            await self._bell.pause(min(_LOOK_AGAIN, max(0.0, ends - time.monotonic())))


def _check_release(schema: str | None) -> None:
    """Raise SchemaMismatch when the schema is of another release than this worker.

    Asked at the start only: workers of the last release that run while the schema is upgraded go on.
    """
    own = opsloop.__version__
    if schema is None or _release(schema) < _release(own):
        raise SchemaMismatch(
            f"the schema is of release {schema or 'unknown'}, older than this worker's {own}",
            hint="Run `opsloop migrate` first, and start the new workers then.",
        )
    if _release(schema) > _release(own):
        raise SchemaMismatch(
            f"the schema is of release {schema}, newer than this worker's {own}",
            hint=f"pip install --upgrade opsloop, to {schema} or newer, and start the worker again.",
        )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _json(value: Any) -> str:
    return jsonio.dumps(value).decode()
