"""`up`: a whole loop in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from opsloop import migrate
from opsloop.cli import output, policyfile
from opsloop.cli.session import LOOP, Session, command, current_user
from opsloop.cli.worker import offered, serve
from opsloop.client import connect
from opsloop.errors import InvalidArgument, NotAllowed, translate
from opsloop.executors import Registry
from opsloop.worker import logs
from opsloop.worker.options import Options


def up(
    session: Session,
    app: Annotated[
        list[str] | None,
        typer.Option(
            "--app", metavar="MODULE[:ATTRIBUTE]", help="Offer the executors in it, too. Repeatable."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Put this policy file (TOML or JSON) in force first."),
    ] = None,
    grace: Annotated[
        float, typer.Option("--grace", min=0, help="Seconds that running steps get after a signal.")
    ] = 30.0,
    log_level: Annotated[
        str,
        typer.Option(
            "--log-level", metavar="|".join(logs.LEVELS), help="Least level that is logged, on stderr."
        ),
    ] = "info",
) -> None:
    """Run a whole loop in one process: install or upgrade, seed, then worker and heartbeat, until Ctrl-C.

    Run as many as you like, also at the same moment: one installs, the others wait for it. For a worker alone, with all
    its options, there is `opsloop worker`.

    Exit codes: those of `worker`; 1 also when a newer opsloop is installed there (OPS_021), or when the policy file
    is faulty (OPS_017).
    """
    if log_level not in logs.LEVELS:
        raise InvalidArgument(f"--log-level must be one of {', '.join(logs.LEVELS)}, not {log_level!r}")
    logs.configure(log_level)
    settings = session.settings()
    documents = {} if policy is None else policyfile.read(policy)
    registry = offered(settings, app or [], None)
    with session.database() as dsn:
        done = _prepare(dsn, session.schema_name, documents)
        _tell(session, done, registry)
        serve(session, dsn, registry, Options.of(settings, grace=grace))


def _prepare(dsn: str, schema: str, documents: policyfile.Documents) -> dict[str, Any]:
    """Install, seed and set policy; returns what that changed."""
    state = migrate.status(dsn, schema)
    installed = [] if state.up_to_date and not state.unknown else migrate.migrate(dsn, schema)
    try:
        with translate():
            migrate.seed(dsn, schema)
    except NotAllowed:
        # A login that may work but not set policy: whoever installed has seeded, or will.
        if installed:
            raise
    with connect(dsn, schema) as client:
        changed = policyfile.apply(client, documents, current_user())
    return {"schema": schema, "installed": installed, "policies": changed}


def _tell(session: Session, done: dict[str, Any], registry: Registry) -> None:
    names = sorted(one.name for one in registry)
    if session.json:
        output.print_json({**done, "executors": names})
        return
    changes = f"installed {', '.join(done['installed'])}" if done["installed"] else "up to date"
    lines = [f"schema {done['schema']}: {changes}"]
    lines += [f"policy {key}: version {version} is in force" for key, version in done["policies"].items()]
    lines += [
        f"executors: {', '.join(names)}",
        "the loop runs; Ctrl-C ends it. In another terminal:",
        f"  {session.command('propose', _HELLO)}",
        f"  {session.command('inbox')}    # what waits for you",
    ]
    output.print_text("\n".join(lines), stderr=True)


_HELLO = '{"title": "Hello", "steps": [{"kind": "noop"}]}'


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "up", LOOP)(up)
