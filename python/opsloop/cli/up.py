"""`up`: a whole loop in one process."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

import opsloop
from opsloop import migrate
from opsloop.cli import output, policyfile, program
from opsloop.cli.company import Company
from opsloop.cli.observing import MetricsPort, Observers, Traces
from opsloop.cli.program import LogLevel
from opsloop.cli.relay import known
from opsloop.cli.serve import assert_may_serve, server
from opsloop.cli.session import LOOP, Session, command, current_user
from opsloop.cli.worker import offered, serve
from opsloop.client import connect
from opsloop.database import Database
from opsloop.errors import NotAllowed, PolicyNotFound
from opsloop.relay.loop import Relay
from opsloop.relay.options import RelayOptions
from opsloop.relay.sinks import IN_DATABASE
from opsloop.worker.loop import Worker
from opsloop.worker.options import Options


def up(
    session: Session,
    app: Annotated[
        list[str] | None,
        typer.Option(
            "--app",
            metavar="MODULE[:ATTRIBUTE]",
            help="Offer the executors in it, and know its sinks, too. Repeatable.",
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Put this policy file (TOML or JSON) in force first."),
    ] = None,
    grace: Annotated[
        float, typer.Option("--grace", min=0, help="Seconds that running steps get after a signal.")
    ] = 30.0,
    idle_after: Annotated[
        float | None,
        typer.Option(
            "--idle-after",
            metavar="SECONDS",
            min=1,
            help="Asleep after so long without work: no heartbeat, one silent connection (none without LISTEN).",
        ),
    ] = None,
    metrics: MetricsPort = None,
    traces: Traces = False,
    http: Annotated[
        str | None,
        typer.Option(
            "--serve",
            metavar="[HOST:]PORT",
            help="Serve the API and the dashboard in the same process, as `opsloop serve` does.",
        ),
    ] = None,
    log_level: LogLevel = "warning",
) -> None:
    """Run a whole loop in one process: install or upgrade, seed, then worker and heartbeat, until Ctrl-C.

    A relay runs, too, where the policy document outbox has routes at the start, and an HTTP server with --serve. Each
    mission that ends is a line.

    Run as many as you like, also at the same moment: one installs, the others wait for it. For a worker alone, with all
    its options, there is `opsloop worker`.

    Exit codes: those of `worker`; 1 also when an opsloop too new for this package is there (OPS_021), or when the
    policy file is faulty (OPS_017) or one of its tests fails (OPS_081).
    """
    program.begin(once=False, drain=False, log_level=log_level)
    settings = session.settings()
    wanted = policyfile.PolicyFile({}, [], None) if policy is None else policyfile.read_whole(policy)
    registry, sinks = offered(settings, [], None), known([])
    program.load_apps(app or [], registry, sinks)
    observers = Observers(metrics, traces=traces)
    place = None if http is None else program.place(http, "--serve", 8484)
    with session.database() as dsn:
        done, routed = _prepare(dsn, session.schema_name, wanted)
        names = sorted(one.name for one in registry)
        options = Options.of(settings, grace=grace, idle_after=idle_after)
        if routed:
            observers.sinks(sinks)
        web = None
        if place is not None:
            host, port = place
            assert_may_serve(dsn, session.schema_name)
            web = server(settings, Database(dsn, session.schema_name), host=host, port=port)
            done["url"] = web.bind()

        def beside(worker: Worker, database: Database) -> Company:
            relay = Relay(database, sinks, RelayOptions(grace=grace)) if routed else None
            if relay is not None:
                observers.program(relay)
            return Company(worker, relay, web, dsn, session.schema_name, tells=not session.json)

        unknown = sorted({*routed} - {*sinks, IN_DATABASE})
        tell = partial(_tell, session, done, names, unknown)
        serve(session, dsn, registry, options, observers, started=tell, beside=beside)
    if not session.json:
        output.print_text("the loop has ended", stderr=True)


def _prepare(dsn: str, schema: str, policy: policyfile.PolicyFile) -> tuple[dict[str, Any], list[str]]:
    """Install, seed and set policy; returns what that changed, and the sink of each route."""
    state = migrate.status(dsn, schema)
    installed = migrate.bring_up(dsn, schema)
    try:
        migrate.seed(dsn, schema)
    except NotAllowed:
        if installed:
            raise
    with connect(dsn, schema) as client:
        documents, tests, schedules = policy
        changed = policyfile.apply(client, documents, current_user(), tests=tests, schedules=schedules)
        try:
            routed = [one["sink"] for one in client.get_policy("outbox").get("routes") or []]
        except PolicyNotFound:
            routed = []
    was = "up to date" if not installed else "upgraded" if state.applied else "installed"
    done = {
        "schema": schema,
        "was": was,
        "installed": installed,
        "policies": changed.versions,
        "schedules": changed.schedules,
        "routes": len(routed),
    }
    return done, routed


def _tell(session: Session, done: dict[str, Any], executors: list[str], unknown: list[str]) -> None:
    if session.json:
        output.print_json({**done, "executors": executors})
        sys.stdout.flush()
        return
    lines = [f"schema {done['schema']}: {done['was']}, release {opsloop.__version__}"]
    lines += [f"policy {key}: version {version} is in force" for key, version in done["policies"].items()]
    lines += [f"schedule {name}: {change}" for name, change in done["schedules"].items()]
    lines += [
        f"executors: {', '.join(executors)}",
        *([f"relay: {done['routes']} routes of the policy document outbox"] if done["routes"] else []),
        *(
            f"no sink {name} here: what goes there is tried again, and then given up; a function marked "
            f'@sink("{name}") in --app MODULE delivers it'
            for name in unknown
        ),
        *([f"serving on {done['url']}"] if "url" in done else []),
        "the loop runs, until Ctrl-C. Next, in another terminal:",
        f"  {session.command('propose', _HELLO)}",
        f"  {session.command('inbox')}",
    ]
    output.print_text("\n".join(lines), stderr=True)


_HELLO = '{"title": "Hello", "steps": [{"kind": "noop"}]}'


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "up", LOOP)(up)
