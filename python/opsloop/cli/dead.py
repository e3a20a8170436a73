"""`dead list|show|redrive|archive`: what gave up, and how it comes back to work."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from opsloop import jsonio
from opsloop.cli import bulk, output
from opsloop.cli.jsonin import kind, read_object
from opsloop.cli.session import WORK, Actor, Session, an_id, command
from opsloop.client import OwningClient
from opsloop.errors import AmbiguousId, InvalidArgument, NotFound, OpsError
from opsloop.results import DeadLetter, FailureGroup, RedrivenLetter

app = typer.Typer(
    name="dead", no_args_is_help=True, help="Look at what gave up for good, and put it back to work."
)


class GroupBy(StrEnum):
    """What letters are grouped by."""

    REASON = "reason"


class What(StrEnum):
    """What gave up."""

    STEP = "step"
    REACTION = "reaction"
    OUTBOX = "outbox"
    OTHER = "other"


Text = str | None


@dataclass(frozen=True)
class Letters:
    """Options that pick letters."""

    what: Annotated[What | None, typer.Option("--what", help="step, reaction, outbox or other.")] = None
    executor: Annotated[Text, typer.Option("--executor", help="Steps of this executor.")] = None
    kind: Annotated[Text, typer.Option("--kind", help="Steps of this kind.")] = None
    event_type: Annotated[Text, typer.Option("--event-type", help="Messages of this type.")] = None
    pattern: Annotated[Text, typer.Option("--pattern", help="Reactions of this pattern.")] = None
    mission: Annotated[Text, typer.Option("--mission", parser=an_id, help="Steps of this mission.")] = None
    reason: Annotated[
        Text, typer.Option("--reason", help="Why it gave up: a LIKE pattern, such as '%timeout%'.")
    ] = None
    since: Annotated[
        Text,
        typer.Option(
            "--since",
            help="Given up from this time on, as PostgreSQL reads it: without a zone, in that of the database"
            " session (PGTZ).",
        ),
    ] = None
    until: Annotated[Text, typer.Option("--until", help="Given up before this time, read as --since.")] = None
    group: bulk.Group = None

    def wanted(self, session: Session, client: OwningClient) -> dict[str, str]:
        """Return what was given, as the functions name it; of a mission the last 8 digits of its id will do."""
        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        if self.mission is not None:
            given["mission_id"] = session.whole_id(client, given.pop("mission"), "mission")
        return {name: str(value) for name, value in given.items() if value is not None}


LetterId = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the dead letter, as `dead list` shows it.")
]

#: Of these the short name will do.
_BY_ID = ("step", "reaction")

#: What one call puts back.
_PART = 10

#: Fields of a letter as `archive` takes them.
_FIELDS = (
    "dl_msg_id", "original_msg_id", "candidate_id", "failure_match_id", "payload", "reason", "reclaim_count",
    "dead_lettered_at", "archived_by",
)  # fmt: skip


def list_(
    session: Session,
    which: Letters,
    redriven: Annotated[bool, typer.Option("--redriven", help="Those that were put back, instead.")] = False,
    by: Annotated[
        GroupBy | None,
        typer.Option(
            "--by", help="reason: a line for all that gave up in the same way, ids and numbers apart."
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="Letters to list.")] = 50,
) -> None:
    """List dead letters that wait, newest first; --json has all that was kept of each."""
    with session.client() as client:
        wanted = which.wanted(session, client)
        if by is not None:
            _grouped(session, client.group_failures({**wanted, "redriven": redriven}, limit=min(limit, 1000)))
            return
        found = client.list_dead_letters({**wanted, "redriven": True} if redriven else wanted, limit=limit)

    def text() -> None:
        if not found:
            output.say("no dead letters")
            return
        last = "put back" if redriven else "given up"
        rows = [
            [_named(f), f.attempts, output.age(f.redriven_at if redriven else f.dead_lettered_at),
             output.one_line(_short(f.reason or ""))]
            for f in found
        ]  # fmt: skip
        output.console().print(output.table("Dead letters", ["id", "attempts", last, "reason"], rows))
        if not redriven:
            output.say(f"next: {session.command('dead', 'show', _named(found[0]))}")

    session.show(found, text)


def _named(letter: DeadLetter) -> str:
    """On a terminal the last 8 digits of its step or reaction, which name its last letter; else its whole name."""
    return (
        output.short(letter.original_msg_id)
        if letter.what in _BY_ID and sys.stdout.isatty()
        else letter.dl_msg_id
    )


def _grouped(session: Session, groups: list[FailureGroup]) -> None:
    def text() -> None:
        if not groups:
            output.say("no dead letters")
            return
        rows = [
            [
                g.group_key,
                g.letters,
                ", ".join(g.executors),
                output.age(g.first_at),
                output.age(g.last_at),
                g.pattern,
            ]
            for g in groups
        ]
        output.console().print(
            output.table(
                "Dead letters by reason", ["group", "letters", "of", "first", "last", "reason"], rows
            )
        )
        output.say(f"put a group back: {session.command('dead', 'redrive', '--group', groups[0].group_key)}")

    session.show(groups, text)


def show(session: Session, letter: LetterId) -> None:
    """Show all that was kept of one dead letter: why it gave up, every error, and what it was."""
    with session.client() as client:
        found = client.list_dead_letters({"dl_msg_id": _name(client, letter)})
    if not found:
        raise NotFound(
            f"there is no dead letter {letter}", detail={"id": letter}, hint="`opsloop dead list` lists them."
        )
    session.show(found[0], lambda: output.print_text("\n".join(_described(session, found[0]))))


def _name(client: OwningClient, given: str) -> str:
    """The whole name of a letter: the last 8 digits of its step or reaction will do."""
    found = client.find_id(given, "letter")
    if len(found) > 1:
        raise AmbiguousId(
            f"{given} is the end of several ids",
            detail={"candidates": [one.id for one in found]},
            hint="Give more digits, or the whole name.",
        )
    return found[0].id if found else given


def _described(session: Session, letter: DeadLetter) -> Iterator[str]:
    yield f"dead letter {output.one_line(letter.dl_msg_id)}"
    yield f"  about        {output.one_line(letter.original_msg_id)}"
    yield f"  reason       {output.one_line(letter.reason or '')}"
    yield f"  attempts     {letter.attempts}"
    yield f"  given up     {_moment(letter.dead_lettered_at)}"
    yield f"  archived by  {output.one_line(letter.archived_by)}"
    if letter.redriven_at is None:
        yield f"  put back     {session.command('dead', 'redrive', output.one_line(letter.dl_msg_id))}"
    else:
        came = f", as {output.one_line(letter.new_msg_id)}" if letter.new_msg_id else ""
        who = f" by {output.one_line(letter.replayed_by)}" if letter.replayed_by else ""
        yield f"  put back     {_moment(letter.redriven_at)}{who}{came}"
    history = letter.payload.get("error_history")
    if isinstance(history, list) and history:
        yield "  errors"
        for number, error in enumerate(history, 1):
            told = _error(error) if isinstance(error, dict) else output.word(error)
            yield f"    {number}. {output.one_line(told)}"
    yield "  payload"
    rest = {name: value for name, value in letter.payload.items() if name != "error_history"}
    for line in jsonio.pretty(rest, 2).split("\n"):
        yield f"    {output.one_line(line)}"


def _error(error: dict[str, Any]) -> str:
    """One entry of an error history: what is known of it, and the error itself at the end."""
    known = {name: value for name, value in error.items() if name != "error" and value is not None}
    about = ", ".join(f"{name} {output.word(value)}" for name, value in sorted(known.items()))
    return f"{about}: {output.word(error.get('error'))}"


@dataclass(frozen=True)
class RedriveOutcome:
    """What became of one letter, as `redrive` prints it."""

    dl_msg_id: str
    outcome: str
    new_msg_id: str | None

    @property
    def failed(self) -> bool:
        """Whether it lies there still, although it was to be put back."""
        return self.outcome not in ("redriven", "was redriven before", "would be redriven")


def redrive(
    session: Session,
    actor: Actor,
    which: Letters,
    letters: Annotated[
        list[str] | None, typer.Argument(metavar="ID…", help="These; none: those that the options pick.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=10_000, help="At most so many, oldest first.")
    ] = 100,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this, letters picked by options are only listed.")
    ] = False,
) -> None:
    """Put dead letters back to work, each exactly once, however many ask.

    A step gets all its tries again, and its mission comes back to life; a reaction is queued; a message is delivered,
    behind what was delivered of its aggregate since. Of a letter of another system the event dead_letter:redriven
    tells. Exit code 1 when one could not be put back; the others are.
    """
    if letters and which != Letters():
        raise InvalidArgument(
            "ID and options that pick letters exclude each other", hint="opsloop dead redrive --help"
        )
    with session.client() as client:
        wanted = which.wanted(session, client)
        if letters:
            done = [_one(client, _name(client, letter), actor) for letter in dict.fromkeys(letters)]
        else:
            found: list[RedrivenLetter] = client.redrive_dead_letters(wanted, limit=limit, actor=actor)
            if yes:
                found = list(_put_back(client, found, actor))
            done = [RedriveOutcome(f.dl_msg_id, f.outcome, f.new_msg_id) for f in found]

    def text() -> None:
        if not done:
            output.say("no dead letters to put back")
            return
        rows = [[d.dl_msg_id, output.one_line(d.outcome), d.new_msg_id] for d in done]
        output.console().print(output.table("Dead letters", ["id", "outcome", "came back as"], rows))
        if not letters and not yes:
            options = [word for name, value in wanted.items() for word in (_option(name), value)]
            again = session.command("dead", "redrive", *options, "--limit", limit, "--yes")
            output.say(f"nothing was changed; to put them back: {again}")

    session.show(done, text, shows=not letters and not yes)
    if any(d.failed for d in done):
        raise typer.Exit(1)


def _put_back(client: OwningClient, found: list[RedrivenLetter], actor: str) -> Iterator[RedrivenLetter]:
    """Put these back in small parts, so that nobody waits long for their missions."""
    for start in range(0, len(found), _PART):
        names = [letter.dl_msg_id for letter in found[start : start + _PART]]
        yield from client.redrive_dead_letters({"ids": names}, limit=_PART, dry_run=False, actor=actor)
        if sys.stderr.isatty() and len(found) > _PART:
            sys.stderr.write(f"\r{min(start + _PART, len(found))} of {len(found)} ")
    if sys.stderr.isatty() and len(found) > _PART:
        sys.stderr.write("\r\x1b[K")


def _one(client: Any, letter: str, actor: str) -> RedriveOutcome:
    try:
        answer = client.redrive_dead_letter(letter, actor=actor)
    except OpsError as error:
        if error.code in ("OPS_001", "OPS_018"):
            raise
        return RedriveOutcome(letter, str(error), None)
    return RedriveOutcome(letter, "redriven" if answer.redriven else "was redriven before", answer.new_msg_id)


def archive(
    session: Session,
    document: Annotated[
        str, typer.Argument(metavar="DOCUMENT", help="A letter as JSON, or @file, or - for stdin.")
    ],
) -> None:
    """Keep a dead letter of another system: {"dl_msg_id", "original_msg_id", "payload", "reason", …}.

    Also candidate_id, failure_match_id, reclaim_count, dead_lettered_at, archived_by (default: the login). The same
    dl_msg_id again changes nothing.
    """
    given = read_object(document, "DOCUMENT", InvalidArgument)
    faults = [f"unknown field {name!r}" for name in given if name not in _FIELDS]
    faults += ["dl_msg_id is missing"] if not isinstance(given.get("dl_msg_id"), str) else []
    faults += [
        f"{name} must be text or a number, not {kind(given[name])}"
        for name in _FIELDS
        if name != "payload" and isinstance(given.get(name), bool | list | dict)
    ]
    faults += ["payload must be an object"] if not isinstance(given.get("payload"), dict | None) else []
    if faults:
        raise InvalidArgument(
            f"DOCUMENT: {'; '.join(faults)}", detail=faults, hint=f"Fields: {', '.join(_FIELDS)}."
        )
    with session.client() as client:
        number = client.archive_dead_letter(**given)
    letter = given["dl_msg_id"]
    session.show(
        {"id": number, "dl_msg_id": letter},
        lambda: output.say(f"kept; to look at it: {session.command('dead', 'show', letter)}"),
    )


def _option(name: str) -> str:
    return "--mission" if name == "mission_id" else f"--{name.replace('_', '-')}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z} ({output.age(moment)})"


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def register(parent: typer.Typer) -> None:
    """Add `dead` and its commands to `parent`."""
    command(app, "list", shows=True)(list_)
    command(app, "show", shows=True)(show)
    command(app, "redrive")(redrive)
    command(app, "archive")(archive)
    parent.add_typer(app, rich_help_panel=WORK)
