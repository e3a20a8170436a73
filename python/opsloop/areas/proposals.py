"""Area `proposals`: gate, approve, vote."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import Budget, Gate, ListedProposal, Proposal


class Proposals(Caller):
    """Intents, what policy says to them, and who decides."""

    def create_proposal(
        self, template: DocumentLike, *, source: str | None = None, dedupe_key: str | None = None
    ) -> Proposal:
        """Propose a mission. Policy decides at once: auto_approved, rejected, or pending for a person.

        `template`: `{"title", "risk_level", "priority", "steps": [...]}`. `source`: who proposes (default
        `manual`); caps may count by it. The same `dedupe_key` again gives the first proposal.
        Raises InvalidTemplate (OPS_004) with every fault in `detail`.
        """
        return self._row(
            Proposal, "fn_create_proposal", template=document(template), source=source, dedupe_key=dedupe_key
        )

    def create_proposals(self, proposals: Sequence[DocumentLike]) -> list[Proposal]:
        """Propose many at once, each `{"template", "source", "dedupe_key"}`; the results keep the order.

        Raises as `create_proposal`; then none is made.
        """
        return self._rows(Proposal, "fn_create_proposals", proposals=document(list(proposals)))

    def propose_for_step(
        self, step_id: UUID | str, lease_token: UUID | str, templates: Sequence[DocumentLike]
    ) -> list[Proposal]:
        """Propose what a running step wants done next, 1 to 20 exact templates; a step proposes once.

        Call it in `ctx.transaction()`. Asked again it gives what was proposed before. Raises GateRefused (OPS_003)
        when causes are too deep, InvalidTemplate (OPS_004), LeaseLost (OPS_006).
        """
        return self._rows(
            Proposal,
            "fn_propose_for_step",
            step_id=step_id,
            lease_token=lease_token,
            templates=document(list(templates)),
        )

    def gate_proposal(self, proposal_id: UUID | str) -> Gate:
        """Ask what the gate says about a proposal now; changes nothing. Raises NotFound (OPS_012)."""
        return self._row(Gate, "fn_gate_proposal", proposal_id=proposal_id)

    def is_auto_approvable(self, template: DocumentLike) -> bool:
        """Ask whether policy would approve this template without a person; changes nothing."""
        return bool(self._value("fn_is_auto_approvable", template=document(template)))

    def approve_proposal(
        self, proposal_id: UUID | str, actor: str | None = None, reason: str | None = None
    ) -> Proposal:
        """Approve a proposal as a person; it becomes a mission in the same transaction.

        `actor` is a claim (default: the login); the login is stored beside it. Raises NotFound (OPS_012),
        IllegalState (OPS_014), NotAllowed (OPS_015) for the proposer himself, TemplateChanged (OPS_016).
        """
        return self._row(Proposal, "fn_approve_proposal", proposal_id=proposal_id, actor=actor, reason=reason)

    def reject_proposal(
        self, proposal_id: UUID | str, actor: str | None = None, reason: str | None = None
    ) -> Proposal:
        """Reject a proposal as a person. Arguments and errors as `approve_proposal`."""
        return self._row(Proposal, "fn_reject_proposal", proposal_id=proposal_id, actor=actor, reason=reason)

    def withdraw_proposal(
        self, proposal_id: UUID | str, source: str | None = None, reason: str | None = None
    ) -> Proposal:
        """Take back a pending proposal of this login, and of `source` if given.

        Raises NotFound (OPS_012), IllegalState (OPS_014), NotAllowed (OPS_015) for another login's.
        """
        return self._row(
            Proposal, "fn_withdraw_proposal", proposal_id=proposal_id, source=source, reason=reason
        )

    def list_budgets(self, source: str | None = None) -> list[Budget]:
        """List the caps on proposals of a source (default `manual`), and what is left of each."""
        return self._rows(Budget, "fn_list_budgets", source=source)

    def cast_vote(
        self, proposal_id: UUID | str, agent_role: str, vote: str, reason: str | None = None
    ) -> Proposal:
        """Cast an agent's vote: approve, reject or abstain. Votes advise; whether they decide is policy.

        Raises NotFound (OPS_012), IllegalState (OPS_014), NotAllowed (OPS_015), InvalidArgument (OPS_018).
        """
        return self._row(
            Proposal,
            "fn_cast_vote",
            proposal_id=proposal_id,
            agent_role=agent_role,
            vote=vote,
            reason=reason,
        )

    def list_proposals(
        self,
        limit: int | None = None,
        status: str | None = None,
        proposal_id: UUID | str | None = None,
        filter: DocumentLike | None = None,  # noqa: A002 - as the function has it
    ) -> list[ListedProposal]:
        """List up to `limit` proposals (default 20, at most 1000), newest first.

        `status`: only those (default: any). `proposal_id`: only that one. `filter`: `{"ids", "source", "title", "risk",
        "code", "since", "until", "before"}`; `*` in a text stands for any characters. An unknown status, or a bad
        filter, is InvalidArgument (OPS_018).
        """
        return self._rows(
            ListedProposal,
            "fn_list_proposals",
            limit=limit,
            status=status,
            proposal_id=proposal_id,
            filter=document(filter),
        )
