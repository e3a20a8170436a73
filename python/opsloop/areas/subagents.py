"""Area `subagents`: checkers that a phase of a directive needs, and what they found."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import ListedSubAgent


class SubAgents(Caller):
    """Runs sub-agents under policy, and keeps what they found."""

    def orchestrate_sub_agents(
        self,
        sd_id: str,
        phase: str,
        session_id: str | None = None,
        options: DocumentLike | None = None,
    ) -> dict[str, Any]:
        """Propose one mission of the sub-agents that a phase of a directive needs.

        `{"run_id", "proposal_id", "status", "mission_id", "reason", "agents", "reused", "idempotent_hit"}`. Options:
        skip_idempotency, risk_level, priority. Raises InvalidTemplate (OPS_004), NotFound (OPS_012), InvalidArgument
        (OPS_018).
        """
        answer: dict[str, Any] = self._value(
            "fn_orchestrate_sub_agents",
            sd_id=sd_id,
            phase=phase,
            session_id=session_id,
            options=document(options),
        )
        return answer

    def sub_agent_summary(self, mission_id: UUID | str) -> dict[str, Any]:
        """Return what the sub-agents of a mission, or of a run_id, found in all, as a result for a gate.

        Raises NotFound (OPS_012).
        """
        answer: dict[str, Any] = self._value("fn_sub_agent_summary", mission_id=mission_id)
        return answer

    def store_sub_agent_result(
        self,
        sd_id: str,
        code: str,
        phase: str | None = None,
        session_id: str | None = None,
        *,
        verdict: str | None = None,
        confidence: Decimal | float | None = None,
        execution_time: Decimal | float | None = None,
        metadata: DocumentLike | None = None,
        skip_idempotency: bool | None = None,
        mission_id: UUID | str | None = None,
        step_id: UUID | str | None = None,
    ) -> dict[str, Any]:
        """Store what a sub-agent found; the same run told again within the hour counts on the first row.

        Raises NotFound (OPS_012), InvalidArgument (OPS_018).
        """
        answer: dict[str, Any] = self._value(
            "fn_store_sub_agent_result",
            sd_id=sd_id,
            code=code,
            phase=phase,
            session_id=session_id,
            verdict=verdict,
            confidence=confidence,
            execution_time=execution_time,
            metadata=document(metadata),
            skip_idempotency=skip_idempotency,
            mission_id=mission_id,
            step_id=step_id,
        )
        return answer

    def list_sub_agents(self, sd_id: str | None = None, limit: int | None = None) -> list[ListedSubAgent]:
        """List up to `limit` (50) sub-agents with the last each found; with an id or sd_key all they found for it.

        Raises InvalidArgument (OPS_018).
        """
        return self._rows(ListedSubAgent, "fn_list_sub_agents", sd_id=sd_id, limit=limit)
