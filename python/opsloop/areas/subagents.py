"""Area `subagents`: what checkers found about a directive."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document


class SubAgents(Caller):
    """Results of sub-agents, each run kept once."""

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
