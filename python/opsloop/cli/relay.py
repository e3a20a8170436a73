"""`relay`: delivers what was published to the outbox; also `python -m opsloop.relay`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from opsloop.cli import output, program
from opsloop.cli.observing import MetricsPort, Observers, Traces
from opsloop.cli.program import LogLevel
from opsloop.cli.session import LOOP, Session, command
from opsloop.database import Database
from opsloop.process.mode import Mode
from opsloop.process.program import exit_code, stop_on_signals
from opsloop.relay import command as command_sink
from opsloop.relay.loop import Relay
from opsloop.relay.options import RelayOptions
from opsloop.relay.sinks import Sinks


def relay(
    session: Session,
    once: Annotated[bool, typer.Option("--once", help="For cron: claim once, deliver that, end.")] = False,
    drain: Annotated[
        bool,
        typer.Option(
            "--drain", help="End when nothing more can be claimed; later retries are not waited for."
        ),
    ] = False,
    app: Annotated[
        list[str] | None,
        typer.Option("--app", metavar="MODULE[:ATTRIBUTE]", help="Know the sinks in it, too. Repeatable."),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, max=1000, help="Most messages claimed at once.")
    ] = 400,
    per_aggregate: Annotated[
        int,
        typer.Option(
            "--per-aggregate", min=1, max=1000, help="Most messages of one aggregate claimed at once."
        ),
    ] = 50,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Most deliveries at a time.")] = 64,
    grace: Annotated[
        float, typer.Option("--grace", min=0, help="Seconds that deliveries get after a signal.")
    ] = 10.0,
    poll_seconds: Annotated[
        float, typer.Option("--poll-seconds", min=0.02, help="Longest pause between two looks at the outbox.")
    ] = 0.5,
    lease_seconds: Annotated[
        int | None,
        typer.Option(
            "--lease-seconds", min=1, max=3600, help="Length of a claim (default: policy, else 60)."
        ),
    ] = None,
    pgbouncer: Annotated[
        bool,
        typer.Option("--pgbouncer", help="A transaction pooler stands in between: no prepared statements."),
    ] = False,
    metrics: MetricsPort = None,
    traces: Traces = False,
    log_level: LogLevel = "info",
) -> None:
    """Deliver the messages of the outbox to where the policy document `outbox` routes them.

    Run as many as you like: each message is with one of them at a time, and those about one aggregate arrive in order,
    at least once each. Sinks: http, notify, command; installed packages' (entry points opsloop.sinks); those of --app.

    SIGTERM or SIGINT stops claiming and lets what is on its way arrive for --grace seconds; the rest is given back. A
    second signal does that at once.

    Exit codes: 0 ended in order; 1 opsloop is not installed there, or the database refused: with --once and --drain
    also when it refused a claim; 2 the command line or the environment cannot be used (OPS_018); 3 no database is
    configured, or it cannot be reached at the start (OPS_001), while later the relay waits for it to come back; 5 the
    database did not take what became of some message; 130 ended by a second signal.
    """
    mode = program.begin(once=once, drain=drain, log_level=log_level)
    options = RelayOptions(
        mode=mode,
        batch=batch,
        per_aggregate=per_aggregate,
        concurrency=concurrency,
        grace=grace,
        poll=poll_seconds,
        lease=lease_seconds,
    )
    observers = Observers(metrics, traces=traces)
    with session.database() as dsn:
        sinks = known(app or [])
        database = Database(dsn, session.schema_name, pooled=pgbouncer)
        program.run(observers.during(database, _run(database, sinks, options, session, observers)))


def known(apps: Iterable[str]) -> Sinks:
    """The sinks that a relay knows: built in, installed, and those of `apps`.

    Raises InvalidArgument (OPS_018) naming what cannot be loaded.
    """
    from opsloop.relay import http  # what it imports takes longer than all other commands need to start

    sinks = Sinks()
    sinks.put("http", http.deliver)
    sinks.put("command", command_sink.deliver)
    sinks.load_entry_points()
    program.load_apps(apps, sinks)
    return sinks


async def _run(
    database: Database, sinks: Sinks, options: RelayOptions, session: Session, observers: Observers
) -> int:
    """Run one relay; returns the exit code."""
    observers.sinks(sinks)
    one = Relay(database, sinks, options)
    observers.program(one)
    observers.begin()
    stop_on_signals(one.stop)
    try:
        await one.run()
    finally:
        await one.close()
    if options.mode is not Mode.FOREVER:
        _summary(one, session)
    refused = options.mode is not Mode.FOREVER and bool(one.refusals)
    return exit_code(one.outcomes, hurried=one.hurried, refused=refused)


def _summary(one: Relay, session: Session) -> None:
    if session.json:
        refused = {"claims_refused": dict(one.refusals)} if one.refusals else {}
        output.print_json({"claimed": one.claimed, "outcomes": dict(one.outcomes), **refused})
    else:
        program.claimed_text(
            one.claimed, one.outcomes, one.refusals, "messages claimed", "No waiting messages"
        )


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "relay", LOOP)(relay)
