"""`grant`, `grants`, `revoke`, `break-glass` and `review`: votes given beforehand, and decisions taken alone."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from opsloop import jsonio
from opsloop.cli import output
from opsloop.cli.session import DECISIONS, Actor, Reason, Session, an_id, command
from opsloop.errors import InvalidArgument

GrantId = Annotated[
    str, typer.Argument(metavar="GRANT", parser=an_id, help="Id of the grant, or its last 8 digits.")
]
ProposalId = Annotated[
    str, typer.Argument(metavar="PROPOSAL", parser=an_id, help="Id of the proposal, or its last 8 digits.")
]


def grant(
    session: Session,
    actor: Actor,
    line: Annotated[
        str | None,
        typer.Option("--command", metavar="LINE", help="This very command, and nothing beside it."),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Steps of this kind; may be repeated.")
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option(
            "--template",
            metavar="DIGEST",
            help="This very template: the template_digest of a proposal of it, as `opsloop show` prints it.",
        ),
    ] = None,
    source: Annotated[
        list[str] | None, typer.Option("--source", help="Only from this source; may be repeated.")
    ] = None,
    max_risk: Annotated[
        str | None, typer.Option("--max-risk", help="Only up to low, medium or high.")
    ] = None,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=44640, help="How long it holds.")] = 120,
    uses: Annotated[int, typer.Option("--uses", min=1, max=1000, help="How often it counts.")] = 20,
    reason: Reason = None,
) -> None:
    """Give your vote beforehand: for a while and so many times, what matches need not ask you."""
    match = {
        "command": _words(line) if line is not None else None,
        "kinds": kind or None,
        "digest": digest,
        "sources": source or None,
        "max_risk": max_risk,
    }
    until = datetime.now(UTC) + timedelta(minutes=minutes)
    with session.client() as client:
        made = client.grant(
            {name: value for name, value in match.items() if value is not None}, until, actor, reason, uses
        )

    def text() -> None:
        output.say(f"grant {made}: {uses} times, until {until:%Y-%m-%d %H:%M:%S %z}")
        output.say(f"end it: {session.command('revoke', made)}")

    session.show({"grant_id": made, "until": until, "uses": uses}, text)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidArgument(
            f"--command: {line!r} is no command line: {error}",
            hint="Quote each argument as a shell wants it.",
        ) from error


def grants(
    session: Session,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="Grants to show, newest first.")
    ] = 50,
    ended: Annotated[bool, typer.Option("--ended", help="Also those that ended.")] = False,
) -> None:
    """List the votes that were given beforehand."""
    with session.client() as client:
        found = client.list_grants(limit, ended)
    rows: list[list[Any]] = [
        [
            one.grant_id,
            one.status,
            f"{one.uses} of {one.max_uses}",
            f"{one.until:%Y-%m-%d %H:%M:%S %z}",
            one.granted_login,
            jsonio.pretty(one.match),
        ]
        for one in found
    ]
    session.show(
        found,
        lambda: output.console().print(
            output.table("grants", ["grant", "status", "uses", "until", "login", "covers"], rows)
        ),
    )


def revoke(session: Session, grant_id: GrantId, actor: Actor, reason: Reason = None) -> None:
    """End a grant at once."""
    with session.client() as client:
        which = session.whole_id(client, grant_id, "grant")
        done = client.revoke_grant(which, actor, reason)
    session.show(
        {"grant_id": which, "revoked": done},
        lambda: output.say(f"grant {which}: {'revoked' if done else 'it had ended'}"),
    )


def break_glass(session: Session, proposal: ProposalId, actor: Actor, reason: Reason = None) -> None:
    """Start a proposal alone, in spite of open seats; two others must sign it off afterwards."""
    if not reason:
        raise InvalidArgument("--reason is needed", hint="Say why it cannot wait.")
    with session.client() as client:
        done = client.break_glass(session.whole_id(client, proposal, "proposal"), actor, reason)

    def text() -> None:
        output.say(f"proposal {done.proposal_id}: {done.status}")
        output.say(f"mission {done.mission_id}")
        output.say(f"two others sign it off: {session.command('review', done.proposal_id)}")

    session.show(done, text)


def review(session: Session, proposal: ProposalId, actor: Actor, reason: Reason = None) -> None:
    """Sign off a decision that somebody took alone."""
    with session.client() as client:
        which = session.whole_id(client, proposal, "proposal")
        left = client.review_break_glass(which, actor, reason)
    session.show(
        {"proposal_id": which, "still_needed": left},
        lambda: output.say(
            f"proposal {which}: signed off"
            + (f", {left} more needed" if left else " by two, the review is closed")
        ),
    )


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    command(app, "grant", DECISIONS)(grant)
    command(app, "grants", DECISIONS, shows=True)(grants)
    command(app, "revoke", DECISIONS)(revoke)
    command(app, "break-glass", DECISIONS)(break_glass)
    command(app, "review", DECISIONS)(review)
