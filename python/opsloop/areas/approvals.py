"""Area `approvals`: standing grants, and decisions that somebody took alone."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import BrokenGlass, Grant, Proposal


class Approvals(Caller):
    """Methods besides deciding on one proposal."""

    def grant(
        self,
        match: DocumentLike,
        until: datetime | None = None,
        actor: str | None = None,
        reason: str | None = None,
        uses: int | None = None,
    ) -> UUID:
        """Give this login's vote beforehand for all that matches, until a time and so many times; returns the id.

        `match`: `{"digest"}`, `{"command"}` or `{"kinds"}`, with `"sources"` and `"max_risk"`. Default: two hours, 20
        times. Raises NotAllowed (OPS_015), InvalidArgument (OPS_018) with every fault, UnknownPerson (OPS_088).
        """
        value: UUID = self._value(
            "fn_grant", match=document(match), until=until, actor=actor, reason=reason, uses=uses
        )
        return value

    def revoke_grant(self, grant_id: UUID | str, actor: str | None = None, reason: str | None = None) -> bool:
        """End a grant at once; False when it had ended. An unknown one is NotFound (OPS_012)."""
        return bool(self._value("fn_revoke_grant", grant_id=grant_id, actor=actor, reason=reason))

    def list_grants(self, limit: int | None = None, ended: bool | None = None) -> list[Grant]:
        """List the grants in force, newest first; with `ended` also those that ended."""
        return self._rows(Grant, "fn_list_grants", limit=limit, ended=ended)

    def break_glass(
        self, proposal_id: UUID | str, actor: str | None = None, reason: str | None = None
    ) -> Proposal:
        """Start a proposal by one decision, in spite of open seats; two others must sign it off afterwards.

        Raises what `approve_proposal` raises, and GlassIntact (OPS_090).
        """
        return self._row(Proposal, "fn_break_glass", proposal_id=proposal_id, actor=actor, reason=reason)

    def review_break_glass(
        self, proposal_id: UUID | str, actor: str | None = None, reason: str | None = None
    ) -> int:
        """Sign off a decision that somebody took alone; returns how many more of two are needed.

        Raises NotFound (OPS_012), NotAllowed (OPS_015) for one's own decision or proposal.
        """
        return int(self._value("fn_review_break_glass", proposal_id=proposal_id, actor=actor, reason=reason))

    def list_break_glass(self, limit: int | None = None) -> list[BrokenGlass]:
        """List decisions that somebody took alone, those open for review first."""
        return self._rows(BrokenGlass, "fn_list_break_glass", limit=limit)
