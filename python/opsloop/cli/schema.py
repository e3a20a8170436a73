"""`migrate`, `rollback`, `status` and `sql`: installing opsloop in a database, and taking it back."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

import typer

from opsloop import migrate as migrations
from opsloop.cli import output, roles
from opsloop.cli.session import INSTALLATION, Session, command
from opsloop.compatibility import COMPATIBILITY
from opsloop.errors import InvalidArgument


def migrate(session: Session) -> None:
    """Install opsloop, or bring it up to date; does nothing when it is.

    Each change is a transaction of its own, with its ledger row. Installers of one schema wait for each other.
    Needs a direct connection, not one through a transaction-pooling PgBouncer.
    """
    schema = session.schema_name
    with session.database() as dsn:
        done = migrations.migrate(dsn, schema)
        unready = roles.unready(dsn, schema)

    def text() -> None:
        _list(schema, "installed", done)
        if unready:
            output.say(f"roles not ready: {', '.join(unready)}; next: {session.command('roles', '--sql')}")

    session.show({"schema": schema, "installed": done}, text)


def rollback(
    session: Session,
    to: Annotated[str | None, typer.Option("--to", help="Take back every change after this one.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Take back everything; the schema itself stays.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask, though rows may be lost; needed without a terminal.")
    ] = False,
) -> None:
    """Take back the newest change; with --to or --all several, newest first.

    Taking back a release drops the routines and keeps all rows; taking back what made a table drops its rows.
    """
    if to is not None and all_:
        raise InvalidArgument("--to and --all exclude each other", hint="opsloop rollback --help")
    schema = session.schema_name
    with session.database() as dsn:
        applied = migrations.status(dsn, schema).applied
        if to is None and not all_:
            to = applied[-2] if len(applied) > 1 else None
        if (to is not None or all_) and not yes:
            _confirm(f"Take back from schema {schema} everything{'' if all_ else f' after {to}'}?")
        gone = migrations.rollback(dsn, schema, to) if applied else []
    session.show({"schema": schema, "taken_back": gone}, lambda: _list(schema, "taken back", gone))


def _confirm(question: str) -> None:
    """Ask a person; raises InvalidArgument (OPS_018) where there is no terminal to ask on."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise InvalidArgument(
            "rows may be lost, and without a terminal nobody can be asked",
            hint="Add --yes when they may go; opsloop rollback --help.",
        )
    typer.confirm(question, abort=True)


def status(
    session: Session,
    check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 unless everything is up to date.")
    ] = False,
) -> None:
    """Show what is installed, what is not yet, whose routines they are, and whether this package works with it."""
    with session.database() as dsn:
        state = migrations.status(dsn, session.schema_name)

    def text() -> None:
        rows = [[name, "installed"] for name in state.applied if name not in state.unknown]
        rows += [[name, "pending"] for name in state.pending]
        rows += [[name, "of a newer opsloop"] for name in state.unknown]
        output.console().print(output.table(f"schema {state.schema}", ["change", "status"], rows))
        output.say(
            f"routines: {'those of this package' if state.code_current else 'not those of this package'}"
        )
        output.say(
            f"compatibility: package {COMPATIBILITY}, schema {state.compatibility or 'none'}: "
            f"{'they fit' if state.served else 'they do not fit'}"
        )
        if state.unknown:
            output.say("next: pip install --upgrade opsloop")
        elif not state.up_to_date:
            output.say(f"next: {session.command('migrate')}")

    own = {"up_to_date": state.up_to_date, "served": state.served, "package_compatibility": COMPATIBILITY}
    session.show({**dataclasses.asdict(state), **own}, text)
    if check and not (state.up_to_date and state.served):
        raise typer.Exit(1)


def sql(
    session: Session,
    from_: Annotated[
        int, typer.Option("--from", min=0, help="Leave out the changes with a smaller number.")
    ] = 0,
) -> None:
    """Print exactly what `migrate` would run, for psql or a tool of your own; needs no database."""
    schema = session.schema_name
    script = migrations.render_sql(schema, from_)

    def text() -> None:
        sys.stdout.write(script)

    session.show({"schema": schema, "sql": script}, text)


def _list(schema: str, what: str, changes: list[str]) -> None:
    for change in changes:
        output.say(f"{what}: {change}")
    if not changes:
        output.say(f"nothing to do in schema {schema}")


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    for function in (migrate, rollback, status, sql):
        command(app, function.__name__, INSTALLATION, shows=function in (status, sql))(function)
