"""`key`: keys of the HTTP control plane. A key is drawn here and shown once; the database gets its digest only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from opsloop import keys
from opsloop.cli import output
from opsloop.cli.session import LOOP, Actor, Reason, Session, command

app = typer.Typer(
    name="key",
    help="Keys for `opsloop serve`: whose calls they are, and what these may do.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the key is for, such as ann-laptop.")]
Days = Annotated[
    int | None, typer.Option("--days", min=1, max=3660, help="Days until it expires (default: never).")
]


def create(
    session: Session,
    name: Name,
    actor: Actor,
    role: Annotated[
        str, typer.Option("--role", help="Whose rights it has: reader, producer, worker, operator or admin.")
    ] = "reader",
    login: Annotated[
        str | None,
        typer.Option("--login", help="The login role that its calls count as (default: the one connected)."),
    ] = None,
    days: Days = None,
) -> None:
    """Make a key and show it, this once. Its calls act as a login, with the rights of one role."""
    key = keys.draw()
    with session.client() as client:
        made = client.create_api_key(name, role, keys.digest(key), login, _expiry(days), actor)

    def text() -> None:
        output.say(f"key {made.name}: role {made.role}, login {made.login}, {_until(made.expires_at)}")
        output.say("it is shown this once:")
        output.print_text(key)

    session.show({**_fields(made), "key": key}, text)


def rotate(
    session: Session,
    name: Name,
    actor: Actor,
    overlap: Annotated[
        int,
        typer.Option("--overlap", metavar="MINUTES", min=0, max=44640, help="How long both keys are valid."),
    ] = 1440,
    days: Days = None,
) -> None:
    """Make a new key beside the one there is, and show it, this once; the old one expires after --overlap."""
    key = keys.draw()
    with session.client() as client:
        made = client.rotate_api_key(name, keys.digest(key), overlap, _expiry(days), actor)

    def text() -> None:
        output.say(f"key {made.name}: role {made.role}, login {made.login}, {_until(made.expires_at)}")
        output.say(f"the one before is valid until {made.old_expires_at:%Y-%m-%d %H:%M:%S %z}")
        output.say("it is shown this once:")
        output.print_text(key)

    session.show({**_fields(made), "old_expires_at": made.old_expires_at, "key": key}, text)


def revoke(session: Session, name: Name, actor: Actor, reason: Reason = None) -> None:
    """End all valid keys of a name at once, and every sign-in with one of them."""
    with session.client() as client:
        ended = client.revoke_api_key(name, actor, reason)
    session.show({"name": name, "revoked": ended}, lambda: output.say(f"key {name}: {ended} revoked"))


def list_(
    session: Session,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Keys to show, newest first.")] = 100,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that expired or were revoked.")] = False,
) -> None:
    """List the keys; what they are, is stored nowhere."""
    with session.client() as client:
        found = client.list_api_keys(limit, ended)
    rows: list[list[Any]] = [
        [
            one.name,
            one.role,
            one.login,
            one.status,
            one.last_used_at.strftime("%Y-%m-%d %H:%M %z") if one.last_used_at else "never",
            one.expires_at.strftime("%Y-%m-%d %H:%M %z") if one.expires_at else "never",
        ]
        for one in found
    ]
    session.show(
        found,
        lambda: output.console().print(
            output.table("keys", ["name", "role", "login", "status", "used", "expires"], rows)
        ),
    )


def _expiry(days: int | None) -> datetime | None:
    return None if days is None else datetime.now(UTC) + timedelta(days=days)


def _until(expires_at: datetime | None) -> str:
    return "never expires" if expires_at is None else f"until {expires_at:%Y-%m-%d %H:%M:%S %z}"


def _fields(made: Any) -> dict[str, Any]:
    return {
        name: getattr(made, name) for name in ("key_id", "name", "role", "login", "created_at", "expires_at")
    }


def register(parent: typer.Typer) -> None:
    """Add `key` and its commands to `parent`."""
    command(app, "create")(create)
    command(app, "list", shows=True)(list_)
    command(app, "rotate")(rotate)
    command(app, "revoke")(revoke)
    parent.add_typer(app, rich_help_panel=LOOP)
