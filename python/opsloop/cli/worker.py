"""`worker`: runs steps; also `python -m opsloop.worker`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, Protocol

import typer

from opsloop.cli import output, program
from opsloop.cli.observing import MetricsPort, Observers, Traces
from opsloop.cli.program import LogLevel
from opsloop.cli.session import LOOP, Session, command
from opsloop.config import Settings
from opsloop.database import Database
from opsloop.errors import InvalidArgument
from opsloop.executors import Registry, builtin
from opsloop.process import logs
from opsloop.process.mode import Mode
from opsloop.process.program import exit_code, stop_on_signals
from opsloop.worker.loop import Worker
from opsloop.worker.options import Options


def worker(
    session: Session,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="For cron: heartbeat, run what is queued, end. Says `No queued steps` if idle."
        ),
    ] = False,
    drain: Annotated[
        bool,
        typer.Option(
            "--drain",
            help="End when neither queue nor heartbeat has anything left; later retries are not waited for.",
        ),
    ] = False,
    app: Annotated[
        list[str] | None,
        typer.Option(
            "--app", metavar="MODULE[:ATTRIBUTE]", help="Offer the executors in it, too. Repeatable."
        ),
    ] = None,
    executors: Annotated[
        str | None,
        typer.Option("--executors", metavar="NAME,…", help="Offer only these of the executors there are."),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, max=10_000, help="Most steps leased by one claim.")
    ] = 400,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Most steps that run at a time.")
    ] = 400,
    executor_concurrency: Annotated[
        list[str] | None,
        typer.Option(
            "--executor-concurrency",
            metavar="NAME=N",
            help="The same for one executor (default: policy, then its own). Repeatable.",
        ),
    ] = None,
    grace: Annotated[
        float, typer.Option("--grace", min=0, help="Seconds that running steps get after a signal.")
    ] = 30.0,
    heartbeat: Annotated[
        bool, typer.Option("--heartbeat/--no-heartbeat", help="Run the heartbeat, or leave it to others.")
    ] = True,
    heartbeat_seconds: Annotated[
        float, typer.Option("--heartbeat-seconds", min=0.05, help="Pause between two heartbeats.")
    ] = 1.0,
    poll_seconds: Annotated[
        float, typer.Option("--poll-seconds", min=0.02, help="Longest pause between two looks at the queue.")
    ] = 1.0,
    idle_after: Annotated[
        float | None,
        typer.Option(
            "--idle-after",
            metavar="SECONDS",
            min=1,
            help="Asleep after so long without work: no heartbeat, one silent connection (none without LISTEN).",
        ),
    ] = None,
    listen: Annotated[
        bool, typer.Option("--listen/--no-listen", help="Be woken by notifications, or only poll.")
    ] = True,
    pgbouncer: Annotated[
        bool,
        typer.Option(
            "--pgbouncer", help="A transaction pooler stands in between: no LISTEN, no prepared statements."
        ),
    ] = False,
    metrics: MetricsPort = None,
    traces: Traces = False,
    log_level: LogLevel = "info",
) -> None:
    """Run steps: lease them, execute them, report them. One process of it is one incarnation; run as many as you like.

    It also runs the heartbeat of the loop. Executors: noop, http, command, radar, agent; sql when OPS_SQL_DSN names
    the login that it uses; installed packages' (entry points opsloop.executors); those of --app.

    SIGTERM or SIGINT stops claiming and lets running steps finish for --grace seconds; what is left then is cancelled
    and given back. A second signal does that at once.

    Exit codes: 0 ended in order; 1 opsloop is not installed there, or the database refused: with --once and --drain
    also when it refused a claim or a phase of the heartbeat failed; 2 the command line or the environment cannot be
    used (OPS_018); 3 no database is configured, or it cannot be reached at the start (OPS_001), while later the worker
    waits for it to come back; 5 the database did not take some finished result; 130 ended by a second signal.
    """
    mode = program.begin(once=once, drain=drain, log_level=log_level)
    settings = session.settings()
    options = Options.of(
        settings,
        mode=mode,
        batch=batch,
        concurrency=concurrency,
        executor_concurrency=_numbers(executor_concurrency or []),
        grace=grace,
        heartbeat=heartbeat_seconds if heartbeat else None,
        poll=poll_seconds,
        idle_after=idle_after,
        listen=listen and not pgbouncer,
    )
    observers = Observers(metrics, traces=traces)
    with session.database() as dsn:
        registry = offered(settings, app or [], executors)
        serve(session, dsn, registry, options, observers, pooled=pgbouncer)


def serve(
    session: Session,
    dsn: str,
    registry: Registry,
    options: Options,
    observers: Observers,
    *,
    pooled: bool = False,
    started: Callable[[], None] = lambda: None,
    beside: Callable[[Worker, Database], Beside] | None = None,
) -> None:
    """Run one worker until it ends; raises typer.Exit when its exit code is not 0.

    `beside`: what runs as long as the worker does, in the same process.
    """
    database = Database(dsn, session.schema_name, pooled=pooled)
    observers.executors(registry)
    worker = Worker(database, registry, options)
    observers.program(worker)
    others = beside(worker, database) if beside is not None else None
    observers.begin()
    program.run(observers.during(database, _run(worker, session, started, others)))


class Beside(Protocol):
    """Parts that run beside a worker."""

    def stop(self) -> None:
        """Ask it to end; a second time: at once."""

    def end(self) -> None:
        """Ask it to end, unless it was asked already."""

    async def run(self) -> None:
        """Run until it is told to stop."""


def offered(settings: Settings, apps: Iterable[str], only: str | None) -> Registry:
    """The executors to offer: built in, installed, and those of `apps`; of these `only` the ones named, if given.

    Raises InvalidArgument (OPS_018) naming what cannot be loaded or does not exist.
    """
    registry = builtin(settings.sql_dsn)
    registry.load_entry_points()
    program.load_apps(apps, registry)
    if only is not None:
        names = {name.strip() for name in only.split(",") if name.strip()}
        try:
            registry.keep(names)
        except KeyError as error:
            raise InvalidArgument(
                f"--executors: there is no executor {error.args[0]}",
                detail={"offered": sorted(one.name for one in registry)},
                hint="sql needs OPS_SQL_DSN; one's own need --app or an installed package.",
            ) from error
    elif "sql" not in registry:
        logs.get().info("executor not offered", executor="sql", reason="OPS_SQL_DSN is not set")
    return registry


def _numbers(pairs: list[str]) -> dict[str, int]:
    numbers = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if not name or not text.isdecimal() or int(text) < 1:
            raise InvalidArgument(
                f"--executor-concurrency must be NAME=N with N of 1 or more, not {pair!r}",
                hint="For example: --executor-concurrency http=10",
            )
        numbers[name] = int(text)
    return numbers


async def _run(
    one: Worker, session: Session, started: Callable[[], None], beside: Beside | None = None
) -> int:
    """Run one worker; returns the exit code, or leaves with it at once when a handler does not end."""

    def stop() -> None:
        one.stop()
        if beside is not None:
            beside.stop()

    stop_on_signals(stop)
    ended = False
    other = asyncio.create_task(beside.run()) if beside is not None else None
    try:
        try:
            ended = await one.run(started)
        finally:
            if other is not None and beside is not None:
                beside.end()
                await other
        if one.mode is not Mode.FOREVER:
            await _summary(one, session)
    finally:
        await one.close()
    refused = one.mode is not Mode.FOREVER and bool(one.refusals or one.failed_phases)
    code = exit_code(one.outcomes, hurried=one.hurried, refused=refused)
    if not ended:
        # A thread, or a coroutine that is deaf to its cancellation: Python would wait for it for ever.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


async def _summary(one: Worker, session: Session) -> None:
    missing = await one.missing_executors()
    if session.json:
        output.print_json(
            {
                "claimed": one.claimed,
                "outcomes": dict(one.outcomes),
                **({"claims_refused": dict(one.refusals)} if one.refusals else {}),
                **({"phases_failed": dict(one.failed_phases)} if one.failed_phases else {}),
                "missing_executors": [{"executor": name, "waiting": waiting} for name, waiting in missing],
            }
        )
        return
    program.claimed_text(one.claimed, one.outcomes, one.refusals, "steps run", "No queued steps")
    if one.failed_phases:
        phases = ", ".join(f"{phase} ({number} times)" for phase, number in sorted(one.failed_phases.items()))
        output.print_text(
            f"Phases of the heartbeat failed: {phases}. They may have left work; the log has more."
        )
    for name, waiting in missing:
        output.print_text(
            f"OPS_005: {waiting} steps wait for the executor {name}, which no live worker offers"
        )


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "worker", LOOP)(worker)
