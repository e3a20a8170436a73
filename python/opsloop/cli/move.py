"""`move`: taking a loop to another server."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Any

import typer

from opsloop import moving
from opsloop.cli import output
from opsloop.cli.session import LOOP, Actor, Reason, Session, command
from opsloop.config import check_dsn
from opsloop.errors import InvalidArgument


def move(
    session: Session,
    actor: Actor,
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="DSN", help="The database to move to: it is there, and has no such schema."
        ),
    ],
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="DSN",
            help="Where the loop is (default: --dsn, else DATABASE_URL).",
            show_default=False,
        ),
    ] = None,
    reason: Reason = None,
    drain_timeout: Annotated[
        float, typer.Option("--drain-timeout", min=0, help="Seconds to wait for what runs before closing.")
    ] = 300.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look, and say what would be done.")] = False,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Take back a move that has not opened the new server yet.")
    ] = False,
    source_is_lost: Annotated[
        bool,
        typer.Option("--source-is-lost", help="Open the copy though the old server is gone for good."),
    ] = False,
    target_is_lost: Annotated[
        bool,
        typer.Option("--target-is-lost", help="With --take-back: though the new server is gone for good."),
    ] = False,
) -> None:
    """Move the loop to another server: drain, close, dump, restore, check both sides, open it there.

    Clients and workers are told meanwhile (OPS_101), and afterwards where it is (OPS_102). Started again after it was
    ended, by whatever, it goes on; --take-back leads back until the new server is open. Needs pg_dump and pg_restore.
    docs/moving.md has every step, and what to do when a server dies in it.
    """
    if (dry_run + take_back + source_is_lost) > 1 or (target_is_lost and not take_back):
        raise InvalidArgument(
            "--dry-run, --take-back and --source-is-lost exclude each other; --target-is-lost goes with --take-back",
            hint="opsloop move --help",
        )
    if from_ is not None and (session.dsn is not None or session.embedded):
        raise InvalidArgument("--from is --dsn under another name", hint="Leave one of them out.")
    target = check_dsn(to, "--to")
    with nullcontext(check_dsn(from_, "--from")) if from_ is not None else session.database() as source:
        mover = moving.Move(
            source,
            target,
            session.schema_name,
            actor=actor,
            reason=reason,
            drain=drain_timeout,
            say=lambda text: output.say(text, stderr=True),
        )
        if dry_run:
            _show_survey(session, mover.survey(), drain_timeout)
        elif take_back:
            done = mover.take_back(target_is_lost=target_is_lost)
            session.show(done, lambda: output.say(f"the loop goes on at {done['move']['from']}"))
        else:
            _show_moved(session, mover.open_without_source() if source_is_lost else mover.run())


def _show_survey(session: Session, found: dict[str, Any], drain: float) -> None:
    def text() -> None:
        size = moving.size(found["bytes"])
        output.say(f"would move schema {found['schema']} of {found['from']} to {found['to']}:")
        output.say(f"  drain    {found['running']} steps run now; they are waited for, {drain:.0f} s at most")
        output.say("  close    from then on every write is refused (OPS_101)")
        output.say(
            f"  copy     {found['tables']} tables, {size}; about {found['seconds']} s, and {size} of room there"
        )
        output.say("  check    rows of every table and invariants, on both sides")
        output.say("  open     the old server says where the loop is (OPS_102), the new one goes on")
        _say_settings(found["settings"])
        output.say("nothing stands against it, and nothing was changed")

    session.show(found, text)


def _show_moved(session: Session, done: dict[str, Any]) -> None:
    def text() -> None:
        switch = done["switch"]
        output.say(f"the loop goes on at {done['move']['to']}")
        output.say("switch now, and start again what has ended (OPS_102):")
        output.say(f"  DATABASE_URL of workers, relays, producers and commands: {switch['database_url']}")
        output.say("  poolers, dashboards, exporters; timers and cron jobs, such as heartbeats and backups")
        for one in switch["sessions"]:
            where = one["address"] or "a socket"
            output.say(
                f"  {one['sessions']} × {one['login']} ({one['application'] or 'unnamed'}) from {where}"
            )
        _say_settings(switch["settings"])

    session.show(done, text)


def _say_settings(settings: list[str]) -> None:
    for one in settings:
        output.say(f"  set by hand, as no dump has it: alter database … set {one};")


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "move", LOOP)(move)
