"""`compat list|install|remove`: optional layers with the names that other documents use."""

from __future__ import annotations

from typing import Annotated

import typer

from opsloop import migrate
from opsloop.cli import output
from opsloop.cli.session import INSTALLATION, Session, command

app = typer.Typer(
    name="compat",
    no_args_is_help=True,
    help="Lay the names of other documents over the loop, and take them back.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the layer, such as m10_recovery.")]


def list_(session: Session) -> None:
    """List the layers there are, and over the loop of which schema each is installed in this database."""
    with session.database() as dsn:
        found = migrate.layers(dsn)

    def text() -> None:
        rows = [[name, over or "not installed"] for name, over in found.items()]
        output.console().print(output.table("Layers", ["name", "over schema"], rows))

    session.show([{"name": name, "schema": over} for name, over in found.items()], text)


def install(session: Session, name: Name) -> None:
    """Install a layer, or bring it up to date.

    m10_recovery: the four tables and nine functions of migration 022. leo: strategic_directives_v2 and
    product_requirements_v2, which can be written to. Each is a schema of that name, and one loop per database can have
    it. ops: the function names of the reference loop (ops_claim_next_step …), in the schema of this loop.
    (docs/runbooks.md.) To be run by the owner of the loop.
    """
    schema = session.schema_name
    with session.database() as dsn:
        migrate.install_layer(dsn, name, schema)
    session.show(
        {"name": name, "schema": schema}, lambda: output.say(f"{name} is installed over schema {schema}")
    )


def remove(session: Session, name: Name) -> None:
    """Take a layer back; the loop and its rows stay as they are."""
    schema = session.schema_name
    with session.database() as dsn:
        migrate.remove_layer(dsn, name, schema)
    session.show({"name": name, "schema": schema}, lambda: output.say(f"{name} is removed"))


def register(parent: typer.Typer) -> None:
    """Add `compat` and its commands to `parent`."""
    command(app, "list", shows=True)(list_)
    command(app, "install")(install)
    command(app, "remove")(remove)
    parent.add_typer(app, rich_help_panel=INSTALLATION)
