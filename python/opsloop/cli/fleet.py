"""`fleet install|status|add|drain|sync|login|remove`: many loops on many servers under one name."""

from __future__ import annotations

import time
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from opsloop import fleet
from opsloop.cli import output
from opsloop.cli.session import INSTALLATION, Actor, Session, command
from opsloop.errors import DatabaseUnavailable, InvalidArgument

app = typer.Typer(
    name="fleet",
    no_args_is_help=True,
    help="Many loops on many servers under one name: the front, and its nodes (docs/scaling.md).",
)

Number = Annotated[
    int, typer.Argument(metavar="NODE", min=1, max=255, help="Its number, which its ids end with.")
]


def install(session: Session) -> None:
    """Make a database the front of a fleet, or bring it up to date. To be run by a superuser; needs PL/Proxy."""
    schema = session.schema_name
    with session.database() as dsn:
        fleet.install(dsn, schema)

    def text() -> None:
        output.say(f"schema {schema} is the front of a fleet")
        output.say(f"next: {session.command('fleet', 'add', 1, 'host=… dbname=…')}")

    session.show({"schema": schema}, text)


def remove(session: Session) -> None:
    """Take the front back; nodes and their work stay as they are."""
    schema = session.schema_name
    with session.database() as dsn:
        fleet.remove(dsn, schema)
    session.show({"schema": schema}, lambda: output.say("the front is removed"))


def status(session: Session) -> None:
    """Show every node: whether it answers, its release, whether it was told the latest, and what is open there.

    Exit code 1 when a node does not answer, is behind, or waits to be told.
    """
    with session.database() as dsn, fleet.Fleet.open(dsn, session.schema_name) as front:
        nodes = front.status()

    def text() -> None:
        rows = [
            [node.node, node.status, _state(node), node.release, node.open, node.share, node.ms, node.dsn]
            for node in nodes
        ]
        columns = ["node", "status", "state", "release", "open", "share", "ms", "reached by"]
        output.console().print(output.table("Nodes", columns, rows, [[node.fault] for node in nodes]))
        if any(node.behind or node.waits for node in nodes):
            output.say(f"next: {session.command('fleet', 'sync')}")

    session.show(nodes, text)
    if any(not node.reached or node.behind or node.waits for node in nodes):
        raise typer.Exit(1)


def add(
    session: Session,
    node: Number,
    node_dsn: Annotated[
        str,
        typer.Argument(
            metavar="DSN",
            help="How the front reaches its database: host, port, dbname. The user and "
            "password in it are those of the loop's owner, and are not kept (default: those of --dsn).",
        ),
    ],
    actor: Actor,
    share: Annotated[
        str | None,
        typer.Option("--share", help="Its part of the proposal caps, in proportion to the other shares."),
    ] = None,
) -> None:
    """Add a loop to the fleet, or change how it is reached or its share. New keys go to it, and nothing else changes.

    The loop gets its number, which its ids end with: it must not have work yet. The first node gives the fleet its
    policies; every other one gets them.
    """
    schema = session.schema_name
    try:
        part = None if share is None else Decimal(share)
    except InvalidOperation:
        raise InvalidArgument(f"--share: {share!r} is no number", hint="For example: --share 2") from None
    with session.database() as dsn:
        fleet.number(dsn, node_dsn, node, schema)
        with fleet.Fleet.open(dsn, schema) as front:
            front.add(node, fleet.without_login(node_dsn), part)
            told = front.sync(actor)
    session.show({"node": node, "told": told}, lambda: _say_told(told))


def drain(
    session: Session,
    node: Number,
    finish: Annotated[
        bool,
        typer.Option(
            "--finish",
            help="Take it out, when nothing is open there: no mission or proposal, no event or reaction that "
            "waits, no message that was not delivered.",
        ),
    ] = False,
) -> None:
    """Give a node no new keys any more; it finishes what it has. With --finish, take it out of the fleet."""
    with session.database() as dsn, fleet.Fleet.open(dsn, session.schema_name) as front:
        left = front.drain(node, finish=finish)

    def text() -> None:
        if finish:
            output.say(f"node {node} is taken out")
            return
        said = (
            "does not answer" if left is None else f"has {left} missions, proposals, events and messages open"
        )
        output.say(f"node {node} gets no new keys; it {said}")
        output.say(f"when none is left: {session.command('fleet', 'drain', node, '--finish')}")

    session.show({"node": node, "open": left, "finished": finish}, text)


def sync(
    session: Session,
    actor: Actor,
    every: Annotated[
        float | None, typer.Option("--every", min=0.1, help="Go on, and do it every so many seconds.")
    ] = None,
) -> None:
    """Tell each node the pauses, the kill switch and the policies that it missed; as a login that is an admin.

    A node whose server has started hands out no work before. Exit code 1 when one could not be told.
    """
    while True:
        try:
            with session.database() as dsn, fleet.Fleet.open(dsn, session.schema_name) as front:
                told = front.sync(actor)
        except DatabaseUnavailable:
            if every is None:
                raise
            told = []
        if every is None or any(one.told or one.fault for one in told):
            session.show(told, lambda told=told: _say_told(told))  # type: ignore[misc]
        if every is None:
            break
        time.sleep(every)
    if any(one.fault for one in told):
        raise typer.Exit(1)


def login(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="LOGIN", help="The login, on the front and on every node.")],
    forget: Annotated[bool, typer.Option("--forget", help="Take its password away.")] = False,
) -> None:
    """Give the front the password with which a login connects to the nodes; it is asked for, or read from stdin."""
    password = None if forget else typer.prompt(f"Password of {name}", hide_input=True, err=True)
    with session.database() as dsn, fleet.Fleet.open(dsn, session.schema_name) as front:
        front.login(name, password)
    said = "has no password for" if forget else "logs in to the nodes as"
    session.show({"login": name, "known": not forget}, lambda: output.say(f"the front {said} {name}"))


def _state(node: fleet.Node) -> str:
    if not node.reached:
        return "does not answer"
    words = [
        word
        for word, holds in (
            ("killed", node.killed),
            ("waits to be told", node.waits),
            ("behind", node.behind),
        )
        if holds
    ]
    return ", ".join(words) or "up to date"


def _say_told(told: list[fleet.Told]) -> None:
    for one in told:
        if one.fault:
            output.say(f"node {one.node} could not be told: {output.one_line(one.fault)}")
        else:
            output.say(f"node {one.node} {'was told' if one.told else 'knew'} generation {one.generation}")


def register(parent: typer.Typer) -> None:
    """Add `fleet` and its commands to `parent`."""
    command(app, "install")(install)
    command(app, "remove")(remove)
    command(app, "status", shows=True)(status)
    command(app, "add")(add)
    command(app, "drain")(drain)
    command(app, "sync")(sync)
    command(app, "login")(login)
    parent.add_typer(app, rich_help_panel=INSTALLATION)
