"""`explain`, `health` and `check`: why something is not running, whether the loop is well, and whether it is sound."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text

from opsloop.cli import output
from opsloop.cli.session import LOOP, WORK, Session, an_id, command
from opsloop.client import Client
from opsloop.errors import NotFound
from opsloop.results import Check, Explanation, Health, Occurrence

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


def explain(
    session: Session,
    which: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            parser=an_id,
            help="Id of a mission, a step, a proposal or an event, or its last 8 digits.",
        ),
    ],
    trail: Annotated[bool, typer.Option("--trail/--no-trail", help="Tell how it came about, too.")] = True,
) -> None:
    """Tell how a mission came about, and why it is not getting on: each reason with the SQL statement that frees it.

    Statements of several reasons are to be run from top to bottom.
    """
    with session.client() as client:
        meant = session.whole_id(client, which, "mission", "step", "proposal", "event")
        story = client.trail(meant)
        reasons = _reasons(client, meant)
    shown = {"trail": story, "reasons": reasons} if trail else {"reasons": reasons}

    def text() -> None:
        if trail:
            _tell(story)
        for reason in reasons:
            _give(reason)

    session.show(shown, text)


def _reasons(client: Client, which: UUID) -> list[Explanation]:
    for ask in (client.explain_mission, client.explain_step, client.explain_proposal):
        try:
            return ask(which)
        except NotFound:
            continue
    return []


def _tell(story: list[Occurrence]) -> None:
    rows = [[output.moment(one.at), one.what, one.subject, one.who, one.detail] for one in story]
    output.console().print(output.table("Trail", ["at", "what", "subject", "who", "detail"], rows))


def _give(reason: Explanation) -> None:
    key = output.one_line(reason.key or "")
    about = f"step {key} ({reason.step_id})" if reason.step_id else "as a whole"
    output.print_text(f"\n{reason.reason}: {about}, {reason.status}")
    said = reason.detail
    if reason.code is not None and not said.startswith(reason.code):
        said = f"{reason.code} {said}"
    output.print_text(output.folded(f"  {output.one_line(said)}"))
    if reason.frees:
        output.print_text(reason.frees)


def health(session: Session) -> None:
    """Show the system health overview, and every check with what to do about it.

    Exit code 1 when a check fails; warnings do not count.
    """
    with session.client() as client:
        overview, checks = client.health(), client.check_health()

    def text() -> None:
        _checks(checks)
        _overview(overview)

    session.show({"overview": overview, "checks": checks}, text)
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)


def _overview(overview: Health) -> None:
    numbers = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name in Health.__dataclass_fields__
        if isinstance(value := getattr(overview, name), int) and value
    )
    output.print_text(output.folded(f"overview: {numbers or 'nothing waits, nothing runs'}"))


def _checks(checks: list[Check]) -> None:
    """A line a check, what is wrong first, each of these with what to do."""
    order = list(reversed(_STYLES))
    found = sorted(checks, key=lambda c: order.index(c.status))
    output.console().print(
        output.table(
            "Checks",
            ["status", "check", "found"],
            [[Text(c.status, style=_STYLES[c.status]), c.name, c.value] for c in found],
            notes=[[] if c.status == "ok" else [c.threshold, c.hint] for c in found],
        )
    )


def check(
    session: Session,
    part: Annotated[
        str | None,
        typer.Option(
            "--part",
            help="Only this part (default: all): steps, missions, approvals, proposals, events, reactions, queue, "
            "outbox, locks, replays, policy, transitions or schedules.",
        ),
    ] = None,
    newest: Annotated[
        int | None,
        typer.Option("--newest", min=1, help="Only the newest N rows of each table (default: all)."),
    ] = None,
) -> None:
    """Check the invariants: print every broken instance. On a busy database, take --newest.

    Exit code 1 when something is broken.
    """
    with session.client() as client:
        broken = client.check_invariants(part, newest)

    def text() -> None:
        if not broken:
            output.say("nothing is broken")
            return
        rows = [[b.invariant, b.subject, b.detail] for b in broken]
        output.console().print(output.table("Broken", ["invariant", "subject", "detail"], rows))

    session.show(broken, text)
    if broken:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    command(app, "explain", WORK, shows=True)(explain)
    command(app, "health", LOOP, shows=True)(health)
    command(app, "check", LOOP, shows=True)(check)
