"""Acting on all that a filter matches: first it is shown, with --yes it is done, in small parts, each refusal named."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

import typer

from opsloop.cli import output
from opsloop.cli.session import Session
from opsloop.client import OwningClient
from opsloop.errors import InvalidArgument
from opsloop.results import Acted

#: A list is fetched in pages of so many, and one call is given so many: it answers those that it comes to in 50 ms.
_PAGE = 1000
_PART = 100
#: How often a row that another session holds is tried again, with a growing pause.
_ROUNDS = 6
_PAUSE = 0.2
#: Rows that a dry run shows on a terminal.
_SHOWN = 10

Group = Annotated[
    str | None, typer.Option("--group", help="All that failed in the same way: see `dead list --by reason`.")
]
_Text = str | None


@dataclass(frozen=True)
class Picked:
    """Options that pick what a command acts on, and say whether it does."""

    kind: Annotated[_Text, typer.Option("--kind", help="All of this kind; * for any characters.")] = None
    executor: Annotated[
        _Text, typer.Option("--executor", help="All of this executor; * for any characters.")
    ] = None
    source: Annotated[
        _Text,
        typer.Option("--source", help="All whose proposals came from this source; * for any characters."),
    ] = None
    since: Annotated[
        _Text,
        typer.Option(
            "--since",
            help="From this time on, as PostgreSQL reads it: without a zone, in that of the database session (PGTZ).",
        ),
    ] = None
    until: Annotated[_Text, typer.Option("--until", help="Before this time, read as --since.")] = None
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1_000_000, help="At most so many of them, the newest.")
    ] = 100_000
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this, what would be done is only shown.")
    ] = False

    def wanted(self) -> dict[str, Any]:
        """Return what was given, as filters of the functions name it."""
        return {
            "mission_id" if one.name == "mission" else one.name: value
            for one in fields(self)
            if one.name not in ("limit", "yes") and (value := getattr(self, one.name)) not in (None, False)
        }


@dataclass(frozen=True)
class PickedWaiting(Picked):
    """Of steps that wait."""

    mission: Annotated[_Text, typer.Option("--mission", help="All of this mission.")] = None
    error: Annotated[_Text, typer.Option("--error", help="All with this error; * for any characters.")] = None
    code: Annotated[_Text, typer.Option("--code", help="All with this code, such as OPS_010.")] = None


@dataclass(frozen=True)
class PickedSteps(PickedWaiting):
    """Of all steps."""

    status: Annotated[_Text, typer.Option("--status", help="All with this status.")] = None
    group: Group = None


@dataclass(frozen=True)
class PickedMissions(Picked):
    """Of missions."""

    status: Annotated[_Text, typer.Option("--status", help="All with this status.")] = None
    title: Annotated[_Text, typer.Option("--title", help="All with this title; * for any characters.")] = None
    stuck: Annotated[bool, typer.Option("--stuck", help="All that nothing will free by itself.")] = False


@dataclass
class Tally:
    """The work done so far."""

    done: int = 0
    refused: list[Acted] = field(default_factory=list)


def one_or_many(one: str | None, which: Picked, what: str) -> None:
    """Raise InvalidArgument unless there is either an id or a filter."""
    if (one is None) != bool(which.wanted()):
        raise InvalidArgument(
            f"give a {what}, or options that say which ones",
            hint="--status, --executor, --error and so on pick all that fit; --help has them.",
        )


def act(
    session: Session,
    client: OwningClient,
    verb: str,
    noun: str,
    which: Picked,
    call: Callable[[dict[str, Any], int, bool], list[Acted]],
) -> None:
    """Show what `call` would act on or, with --yes, act on exactly that. Exit code 1 when one is refused."""
    wanted = which.wanted()
    if "mission_id" in wanted:
        wanted["mission_id"] = str(session.whole_id(client, wanted["mission_id"], "mission"))
    found = list(found_by(call, wanted, which.limit))
    if not which.yes:
        session.show(found, lambda: _show(verb, noun, found), shows=True)
        return
    tally = carry_out(call, found, verb, quiet=session.json)

    def text() -> None:
        for one in tally.refused:
            output.print_text(output.one_line(f"{noun} {one.id}: {one.reason}"))
        output.say(f"{tally.done} of {len(found)} {noun}s: {verb} is done; {len(tally.refused)} refused")

    session.show({"found": len(found), "done": tally.done, "refused": tally.refused}, text)
    if tally.refused:
        raise typer.Exit(1)


def found_by(
    call: Callable[[dict[str, Any], int, bool], list[Acted]], wanted: dict[str, Any], limit: int
) -> Iterator[Acted]:
    """Find what `call` would act on, page by page, newest first."""
    page: Sequence[Acted] = ()
    while limit > 0:
        before = {"before": str(page[-1].id)} if page else {}
        page = call({**wanted, **before}, min(limit, _PAGE), True)
        yield from page
        if len(page) < _PAGE:
            return
        limit -= len(page)


def _show(verb: str, noun: str, found: list[Acted]) -> None:
    if not found:
        output.say(f"no {noun}s fit")
        return
    shown = found[:_SHOWN] if sys.stdout.isatty() else found
    rows = [[one.id, one.was, one.title, one.code, one.reason] for one in shown]
    output.console().print(output.table("", ["id", "status", "title", "code", "why"], rows))
    more = f", {len(found) - len(shown)} more than shown" if len(found) > len(shown) else ""
    output.say(f"{len(found)} {noun}s to {verb}{more}; nothing was changed. To do it: the same with --yes")


def carry_out(
    call: Callable[[dict[str, Any], int, bool], list[Acted]], found: list[Acted], verb: str, *, quiet: bool
) -> Tally:
    """Act on these, the oldest first, in small parts; what another session holds is tried again a few times."""
    tally = Tally()
    # The oldest first.
    left = deque(reversed(found))
    held: list[Acted] = []
    telling = not quiet and sys.stderr.isatty()
    rounds = 0
    while left:
        part = [left.popleft()]
        while left and len(part) < _PART and left[0].was == part[0].was:
            part.append(left.popleft())
        # An item that has changed since it was shown is left alone.
        which = {"ids": [str(one.id) for one in part], **({"status": part[0].was} if part[0].was else {})}
        answers = {one.id: one for one in call(which, _PART, False)}
        for one in part:
            answer = answers.get(one.id)
            if answer is None:
                continue
            if answer.ok:
                tally.done += 1
            elif answer.code == "OPS_031" and rounds < _ROUNDS:
                held.append(answer)
            else:
                tally.refused.append(answer)
        unanswered = [one for one in part if one.id not in answers]
        if answers:
            left.extendleft(reversed(unanswered))
        else:
            tally.refused += [_moved_on(one) for one in unanswered]
        if telling:
            sys.stderr.write(f"\r{verb}: {tally.done} of {len(found)}, {len(tally.refused)} refused ")
            sys.stderr.flush()
        if not left and held:
            rounds += 1
            time.sleep(_PAUSE * rounds)
            left.extend(held)
            held = []
    if telling:
        sys.stderr.write("\r\x1b[K")
    return tally


def _moved_on(one: Acted) -> Acted:
    code = "OPS_014"
    reason = f"{code}: it is no longer {one.was}, as it was when it was shown"
    return Acted(one.id, one.mission_id, one.title, one.was, ok=False, status=None, code=code, reason=reason)
