"""`propose`, `withdraw`, `approve` and `reject`: intents, and who decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from opsloop.cli import output
from opsloop.cli.follow import Timeout, Wait, follow
from opsloop.cli.inbox import describe
from opsloop.cli.jsonin import read_object
from opsloop.cli.session import DECISIONS, SIGNALS, Actor, Digest, Reason, Session, an_id, command
from opsloop.errors import InvalidArgument, InvalidTemplate
from opsloop.results import Proposal

ProposalId = Annotated[
    str, typer.Argument(metavar="PROPOSAL", parser=an_id, help="Id of the proposal, or its last 8 digits.")
]

#: What one call of the inbox gives, and what one call decides on, at most.
_MOST = 1000
_AT_ONCE = 50


def propose(
    session: Session,
    template: Annotated[str, typer.Argument(metavar="TEMPLATE", help="JSON, @file, or - for stdin.")],
    source: Annotated[
        str,
        typer.Option("--source", help="Source of the proposal, such as agent:planner; caps may count by it."),
    ] = "manual",
    dedupe_key: Annotated[
        str | None, typer.Option("--dedupe-key", help="The same key again: the same proposal.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = None,
) -> None:
    """Propose a mission; policy approves it, rejects it (exit code 1), or leaves it to a person."""
    wanted = read_object(template, "TEMPLATE", InvalidTemplate)
    with session.client() as client:
        proposal = client.create_proposal(wanted, source=source, dedupe_key=dedupe_key)
        missing = client.unoffered_executors(wanted) if proposal.status != "rejected" else []
        if missing:
            output.say(
                f"OPS_005: no live worker offers {', '.join(missing)}; such steps wait until one does",
                stderr=True,
            )
        if wait:
            follow(session, client, proposal.proposal_id, timeout)
            return
    _show(session, proposal)
    if proposal.status == "rejected":
        raise typer.Exit(1)


Which = Annotated[
    str | None,
    typer.Argument(
        metavar="[PROPOSAL]",
        parser=an_id,
        help="Id of the proposal or parked step, or its last 8 digits; without, --source or --kind say which.",
    ),
]


@dataclass(frozen=True)
class PickedProposals:
    """Options that pick proposals."""

    source: Annotated[
        str | None,
        typer.Option("--source", help="All that wait and come from this source; * for any characters."),
    ] = None
    kind: Annotated[
        str | None, typer.Option("--kind", help="All that wait and have nothing but steps of this kind.")
    ] = None
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, once it has shown what it covers.")] = False

    def wanted(self) -> dict[str, str]:
        """Return what was given, as the inbox names it."""
        given = {"source": self.source, "kind": self.kind}
        return {name: value for name, value in given.items() if value is not None}


def approve(
    session: Session,
    actor: Actor,
    picked: PickedProposals,
    proposal: Which = None,
    reason: Reason = None,
    digest: Digest = None,
    wait: Wait = False,
    timeout: Timeout = None,
) -> None:
    """Approve a proposal: it becomes a mission, or a seat that approval_rules ask for is filled.

    With --source or --kind it shows all that wait and fit, asks, and approves exactly those.
    """
    _check_which(proposal, picked)
    if proposal is None:
        _decide_all(session, "approve", picked, actor, reason)
        return
    with session.client() as client:
        with client.conn.transaction():
            which = session.whole_id(client, proposal, "proposal", "step")
            if digest is not None:
                client.as_shown(which, digest)
            done = client.approve_proposal(which, actor=actor, reason=reason)
        if wait and done.mission_id is not None:
            mission = client.list_missions(1, mission_id=done.mission_id)[0]
            follow(session, client, mission.proposal_id or which, timeout)
            return
    _show(session, done)


def reject(
    session: Session,
    actor: Actor,
    picked: PickedProposals,
    proposal: Which = None,
    reason: Reason = None,
) -> None:
    """Reject a proposal.

    With --source or --kind it shows all that wait and fit, asks, and rejects exactly those.
    """
    _check_which(proposal, picked)
    if proposal is None:
        _decide_all(session, "reject", picked, actor, reason)
        return
    with session.client() as client:
        which = session.whole_id(client, proposal, "proposal", "step")
        _show(session, client.reject_proposal(which, actor=actor, reason=reason))


def _check_which(proposal: str | None, picked: PickedProposals) -> None:
    if (proposal is None) != bool(picked.wanted()):
        raise InvalidArgument(
            "give a PROPOSAL, or --source or --kind for all that fit",
            hint="`opsloop inbox` shows what waits.",
        )


def _decide_all(
    session: Session, decision: str, picked: PickedProposals, actor: str, reason: str | None
) -> None:
    """Decide on all that wait and fit, for exactly what was shown."""
    with session.client() as client:
        wanted = {"what": "proposal", **picked.wanted()}
        found = [entry for entry in client.inbox(_MOST, wanted) if decision in entry.decide]
        if not session.json:
            for entry in found:
                output.print_text(describe(session, entry, whole=False) + "\n")
            output.print_text(f"{len(found)} proposals to {decision}")
        if found and not picked.yes:
            if session.json or not output.on_terminal():
                raise InvalidArgument("--yes is needed where nobody can be asked", hint="Look at them first.")
            if not typer.confirm(f"{decision} {len(found)}?"):
                raise typer.Exit(1)
        done = [
            one
            for start in range(0, len(found), _AT_ONCE)
            for one in client.decide(
                [
                    {
                        "id": str(entry.id),
                        "decision": decision,
                        "digest": entry.digest,
                        "actor": actor,
                        "reason": reason,
                    }
                    for entry in found[start : start + _AT_ONCE]
                ]
            )
        ]

    def text() -> None:
        for one in done:
            said = f"proposal {one.id}: {one.status}" if one.ok else f"proposal {one.id}: {one.reason}"
            output.print_text(output.one_line(said))

    session.show(done, text)
    if not all(one.ok for one in done):
        raise typer.Exit(1)


def withdraw(session: Session, proposal: ProposalId, reason: Reason = None) -> None:
    """Take back what this login proposed and nobody has decided on."""
    with session.client() as client:
        which = session.whole_id(client, proposal, "proposal")
        _show(session, client.withdraw_proposal(which, reason=reason))


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
    command(app, "withdraw", SIGNALS)(withdraw)
