"""`schedule list|show|set|enable|disable|delete|run|backfill`: what happens at given times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.cli.jsonin import read_object
from opsloop.cli.session import LOOP, Actor, Reason, Session, command
from opsloop.errors import InvalidSchedule, UnknownSchedule
from opsloop.results import ListedSchedule, Tick

app = typer.Typer(name="schedule", no_args_is_help=True, help="Let things happen at given times.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the schedule.")]


class Overlap(StrEnum):
    """What a tick does while what came of the one before is open."""

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE = "queue"


class CatchUp(StrEnum):
    """Which ticks happen that were due while no heartbeat came."""

    NONE = "none"
    LAST = "last"
    ALL = "all"


def list_(
    session: Session,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Schedules to list.")] = 50,
) -> None:
    """List the schedules with their next tick, and what became of the last one."""
    with session.client() as client:
        found = client.list_schedules(limit)

    def text() -> None:
        if not found:
            output.say("no schedules")
            return
        rows = [
            [
                one.name,
                _times(one),
                _what(one),
                _moment(one.next_at) if one.enabled and not one.paused else _state(one),
                " ".join(filter(None, [_moment(one.last_at), one.last_outcome])),
            ]
            for one in found
        ]
        output.console().print(output.table("Schedules", ["name", "when", "what", "next", "last"], rows))
        output.say(f"next: {session.command('schedule', 'show', found[0].name)}")

    session.show(found, text)


def show(
    session: Session,
    name: Name,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Past ticks to show.")] = 10,
) -> None:
    """Show one schedule: its next three ticks, and what became of the last ones."""
    with session.client() as client:
        found = client.list_schedules(name=name)
        ticks = client.list_schedule_ticks(name, limit)
    if not found:
        raise UnknownSchedule(
            f"no schedule {name!r}", detail={"schedule": name}, hint="`opsloop schedule list` lists them."
        )
    session.show(
        {"schedule": found[0], "ticks": ticks},
        lambda: output.print_text("\n".join([*_described(found[0]), *map(_said, ticks)])),
    )


def _described(one: ListedSchedule) -> Iterator[str]:
    yield f"schedule {one.name}: {_state(one)}"
    yield f"  when      {_times(one)}"
    yield f"  what      {output.one_line(_what(one))}"
    yield f"  source    {output.one_line(one.source)}"
    yield f"  overlap   {one.overlap}, catch up {one.catch_up}, at most {one.max_backlog}"
    for label, moment in (("starts", one.starts_at), ("ends", one.ends_at)):
        if moment:
            yield f"  {label:<9} {_moment(moment)}"
    yield f"  next      {', '.join(map(_moment, one.next_ticks)) or 'none'}"
    if one.queued:
        yield f"  waiting   {one.queued} ticks, for what came of the one before"
    origin = ", from a policy file" if one.from_file else ""
    yield f"  set by    {output.one_line(one.set_by)} (login {one.set_login}){origin}"


def _said(tick: Tick) -> str:
    made = tick.mission_id or tick.proposal_id or tick.event_id
    kind = "mission" if tick.mission_id else "proposal" if tick.proposal_id else "event"
    cause = "" if tick.cause in (None, "due") else f", {tick.cause} by {tick.login}"
    return (
        f"  tick      {_moment(tick.tick)} {tick.outcome}{cause}"
        + (f": {kind} {made}" if made else "")
        + (f": {output.one_line(tick.reason)}" if tick.reason else "")
    )


def _state(one: ListedSchedule) -> str:
    return "disabled" if not one.enabled else "paused" if one.paused else "enabled"


def _times(one: ListedSchedule) -> str:
    if one.cron is None:
        return f"every {one.every_seconds} s"
    return f"{one.cron} {one.timezone}"


def _what(one: ListedSchedule) -> str:
    if one.template is None:
        return f"event {one.event_type}"
    return (
        f"proposal: {one.template.get('title') or ', '.join(step['kind'] for step in one.template['steps'])}"
    )


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S %z}"


def set_(
    session: Session,
    name: Name,
    actor: Actor,
    document: Annotated[
        str | None,
        typer.Argument(metavar="[DOCUMENT]", help="JSON, @file, or - for stdin.", show_default=False),
    ] = None,
    cron: Annotated[
        str | None, typer.Option("--cron", help="When: five fields, or a word such as @daily.")
    ] = None,
    every: Annotated[
        int | None, typer.Option("--every", metavar="SECONDS", min=1, help="When: so often.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="Time zone of --cron (default: UTC).")
    ] = None,
    event: Annotated[str | None, typer.Option("--event", help="What: an event of this type.")] = None,
    data: Annotated[str | None, typer.Option("--data", help="Data of the event: JSON or @file.")] = None,
    template: Annotated[
        str | None, typer.Option("--template", help="What: a proposal of this template, JSON or @file.")
    ] = None,
    overlap: Annotated[
        Overlap | None,
        typer.Option("--overlap", help="While what came of the tick before is open: allow, skip or queue."),
    ] = None,
    catch_up: Annotated[
        CatchUp | None,
        typer.Option("--catch-up", help="Of ticks that were due while no heartbeat came: none, last or all."),
    ] = None,
    reason: Reason = None,
) -> None:
    """Make a schedule, or replace it: what is not given has its default.

    Options go before what DOCUMENT says; docs/schedules.md has every field.
    """
    fields: dict[str, Any] = {} if document is None else read_object(document, "DOCUMENT", InvalidSchedule)
    given = {
        "cron": cron,
        "every_seconds": every,
        "timezone": timezone,
        "event_type": event,
        "data": data and read_object(data, "--data", InvalidSchedule),
        "template": template and read_object(template, "--template", InvalidSchedule),
        "overlap": overlap and overlap.value,
        "catch_up": catch_up and catch_up.value,
    }
    fields |= {field: value for field, value in given.items() if value is not None}
    with session.client() as client:
        done = client.set_schedule(name, fields, actor, reason)

    def text() -> None:
        output.say(f"schedule {done.name}: {'set' if done.changed else 'it was so already'}")
        output.say(f"next tick {_moment(done.next_at)}" if done.next_at else "no tick is to come")

    session.show(done, text)


def enable(session: Session, name: Name, actor: Actor, reason: Reason = None) -> None:
    """Let a schedule tick, from now on."""
    with session.client() as client:
        done = client.enable_schedule(name, actor, reason)
    session.show(
        {"name": name, "changed": done},
        lambda: output.say(f"schedule {name}: {'enabled' if done else 'it was enabled'}"),
    )


def disable(session: Session, name: Name, actor: Actor, reason: Reason = None) -> None:
    """Let a schedule tick no more; ticks that wait are skipped."""
    with session.client() as client:
        done = client.disable_schedule(name, actor, reason)
    session.show(
        {"name": name, "changed": done},
        lambda: output.say(f"schedule {name}: {'disabled' if done else 'it was disabled'}"),
    )


def delete(session: Session, name: Name, actor: Actor, reason: Reason = None) -> None:
    """Delete a schedule; what came of it stays."""
    with session.client() as client:
        client.delete_schedule(name, actor, reason)
    session.show({"name": name, "deleted": True}, lambda: output.say(f"schedule {name}: deleted"))


def run(session: Session, name: Name, actor: Actor, reason: Reason = None) -> None:
    """Let a schedule tick once, now, also when it is disabled; who does that may not decide on its proposal."""
    with session.client() as client:
        done = client.run_schedule(name, actor, reason)
    session.show(done, lambda: output.say(f"schedule {name}:\n{_said(done)}"))


def backfill(
    session: Session,
    name: Name,
    actor: Actor,
    from_: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME",
            help="The first tick may be at this time: without a zone, in that of the database session (PGTZ).",
        ),
    ],
    to: Annotated[
        str, typer.Option("--to", metavar="TIME", help="All ticks are before this time, read as --from.")
    ],
    reason: Reason = None,
) -> None:
    """Let ticks of the past happen that did not: 1,000 at most; the others are left alone.

    With overlap skip or queue they happen one after the other.
    """
    with session.client() as client:
        ticks = client.backfill_schedule(name, from_, to, actor, reason)

    def text() -> None:
        for tick in ticks:
            output.say(_said(tick) + ("" if tick.is_new else ": before"))
        output.say(f"{sum(tick.is_new or False for tick in ticks)} of {len(ticks)} ticks are new")

    session.show(ticks, text)


def register(parent: typer.Typer) -> None:
    """Add `schedule` and its commands to `parent`."""
    command(app, "list", shows=True)(list_)
    command(app, "show", shows=True)(show)
    command(app, "set")(set_)
    command(app, "enable")(enable)
    command(app, "disable")(disable)
    command(app, "delete")(delete)
    command(app, "run")(run)
    command(app, "backfill")(backfill)
    parent.add_typer(app, rich_help_panel=LOOP)
