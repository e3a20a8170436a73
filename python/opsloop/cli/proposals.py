"""`propose`, `approve` and `reject`: intents, and who decides."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from opsloop.cli import output
from opsloop.cli.jsonin import read_object
from opsloop.cli.session import DECISIONS, SIGNALS, Actor, Digest, Reason, Session, command
from opsloop.errors import InvalidTemplate
from opsloop.results import Proposal

ProposalId = Annotated[UUID, typer.Argument(metavar="PROPOSAL", help="Id of the proposal.")]


def propose(
    session: Session,
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="JSON, @file, or - for stdin.")],
    source: Annotated[str, typer.Option("--source", help="Who proposes; caps may count by it.")] = "manual",
    dedupe_key: Annotated[
        str | None, typer.Option("--dedupe-key", help="The same key again: the same proposal.")
    ] = None,
) -> None:
    """Propose a mission; policy approves it, rejects it (exit code 1), or leaves it to a person."""
    wanted = read_object(template, "TEMPLATE", InvalidTemplate)
    with session.client() as client:
        proposal = client.create_proposal(wanted, source=source, dedupe_key=dedupe_key)
    _show(session, proposal)
    if proposal.status == "rejected":
        raise typer.Exit(1)


def approve(
    session: Session, proposal: ProposalId, actor: Actor, reason: Reason = None, digest: Digest = None
) -> None:
    """Approve a proposal; it becomes a mission at once."""
    with session.client() as client, client.conn.transaction():
        if digest is not None:
            client.as_shown(proposal, digest)
        done = client.approve_proposal(proposal, actor=actor, reason=reason)
    _show(session, done)


def reject(session: Session, proposal: ProposalId, actor: Actor, reason: Reason = None) -> None:
    """Reject a proposal."""
    with session.client() as client:
        _show(session, client.reject_proposal(proposal, actor=actor, reason=reason))


def _show(session: Session, proposal: Proposal) -> None:
    def text() -> None:
        output.say(f"proposal {proposal.proposal_id}: {proposal.status}")
        if proposal.reason:
            output.say(f"  {proposal.reason}")
        if proposal.mission_id is not None:
            output.say(f"mission {proposal.mission_id}")
            output.say(f"follow it: {session.command('ps', proposal.mission_id)}")
        elif proposal.status in ("pending", "voting"):
            output.say(f"look at it: {session.command('ps', proposal.proposal_id)}")
            output.say(f"decide: {session.command('approve', proposal.proposal_id)}")

    session.show(proposal, text)


def register(app: typer.Typer) -> None:
    """Add these commands to `app`."""
    command(app, "propose", SIGNALS)(propose)
    command(app, "approve", DECISIONS)(approve)
    command(app, "reject", DECISIONS)(reject)
