"""`roles`: the five group roles of a loop, whether they work, and what makes them work."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

import typer

from opsloop import migrate
from opsloop.cli import output
from opsloop.cli.session import INSTALLATION, Session, command
from opsloop.client import connect
from opsloop.errors import InvalidArgument
from opsloop.results import GroupRole


def roles(
    session: Session,
    apply: Annotated[
        bool, typer.Option("--apply", help="Apply the rights again, as the owner of the schema.")
    ] = False,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL for whoever may make roles, and nothing else.")
    ] = False,
) -> None:
    """Show the roles of this loop: who may what is in docs/roles.md.

    `migrate` makes them when its login may make roles. Otherwise hand what --sql prints to somebody who may, and run
    --apply afterwards.
    """
    if apply and sql:
        raise InvalidArgument("--apply and --sql exclude each other", hint="opsloop roles --help")
    schema = session.schema_name
    with session.database() as dsn:
        if apply:
            migrate.apply_rights(dsn, schema)
        with connect(dsn, schema) as client:
            found = client.list_roles()

    def text() -> None:
        if sql:
            sys.stdout.write("".join(f"{role.remedy}\n" for role in found if role.remedy))
            return
        rows = [[role.role, role.name, role.status] for role in found]
        output.console().print(output.table(f"schema {schema}", ["role", "name", "status"], rows))
        if lacks := {role.missing for role in found if role.missing}:
            output.say(f"missing: {'; '.join(sorted(lacks))}")
        if any(role.remedy for role in found):
            output.say(f"next: {session.command('roles', '--sql')}")
        elif any(role.status != "ready" for role in found):
            output.say(f"next: {session.command('roles', '--apply')}")

    session.show({"schema": schema, "roles": [dataclasses.asdict(role) for role in found]}, text)


def unready(dsn: str, schema: str) -> list[str]:
    """Return the names of the roles that do not work."""
    with connect(dsn, schema) as client:
        found: list[GroupRole] = client.list_roles()
    return [role.name for role in found if role.status != "ready"]


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "roles", INSTALLATION, shows=True)(roles)
