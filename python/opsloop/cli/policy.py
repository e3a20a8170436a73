"""`policy get|set|apply|history`: the versioned documents that decide."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opsloop import jsonio
from opsloop.cli import output, policyfile
from opsloop.cli.jsonin import read_object
from opsloop.cli.session import DECISIONS, Actor, Session, command
from opsloop.errors import InvalidPolicy

app = typer.Typer(
    name="policy", no_args_is_help=True, help="Read and change the documents that decide what may run."
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Name of the document, such as auto_approve.")]


def get(session: Session, key: Key) -> None:
    """Print a policy document, ready to be edited and given to `policy set`."""
    with session.client() as client:
        value = client.get_policy(key)
        version = client.policy_history(key, limit=1)[0].version

    def text() -> None:
        output.print_text(jsonio.pretty(value, 2))
        change = session.command("policy", "set", key, "@FILE", "--expected-version", version)
        output.say(f"version {version}; to change it: {change}", stderr=True)

    session.show({"key": key, "version": version, "value": value}, text)


def set_(
    session: Session,
    key: Key,
    document: Annotated[str, typer.Argument(metavar="DOCUMENT", help="JSON, @file, or - for stdin.")],
    actor: Actor,
    expected_version: Annotated[
        int | None,
        typer.Option("--expected-version", min=0, help="Only if this version is in force (OPS_011 else)."),
    ] = None,
) -> None:
    """Put a new version of a policy document in force; a faulty one is refused with every fault."""
    value = read_object(document, "DOCUMENT", InvalidPolicy)
    with session.client() as client:
        version = client.set_policy(key, value, actor=actor, expected_version=expected_version)
    session.show(
        {"key": key, "version": version}, lambda: output.say(f"{key}: version {version} is in force")
    )


def apply(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, TOML or JSON.")],
    actor: Actor,
) -> None:
    """Put in force what a file says; what it does not name stays as it is.

    One table (TOML) or object (JSON) per document, such as [auto_approve]: a field in it replaces that field of the
    document. All of it or, when one document is faulty, nothing.
    """
    documents = policyfile.read(file)
    with session.client() as client:
        changed = policyfile.apply(client, documents, actor)

    def text() -> None:
        for key, version in changed.items():
            output.say(f"{key}: version {version} is in force")
        if not changed:
            output.say("nothing to do: all of it is in force")

    session.show(changed, text)


def history(
    session: Session,
    key: Key,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Versions to list.")] = 20,
) -> None:
    """List the versions of a policy document, newest first: when and by whom; --json has the documents too."""
    with session.client() as client:
        versions = client.policy_history(key, limit=limit)

    def text() -> None:
        rows = [
            [v.version, f"{v.updated_at:%Y-%m-%d %H:%M:%S %Z}", v.changed_by, v.changed_login]
            for v in versions
        ]
        output.console().print(output.table(key, ["version", "changed", "by", "login"], rows))

    session.show(versions, text)


def register(parent: typer.Typer) -> None:
    """Add `policy` and its commands to `parent`."""
    command(app, "get", shows=True)(get)
    command(app, "set")(set_)
    command(app, "apply")(apply)
    command(app, "history", shows=True)(history)
    parent.add_typer(app, rich_help_panel=DECISIONS)
