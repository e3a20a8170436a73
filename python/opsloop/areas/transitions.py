"""Area `transitions`: directives that move from phase to phase, the gates before that, and handoffs of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsloop.areas.call import Caller, DocumentLike
from opsloop.jsonio import document
from opsloop.results import ListedDirective, ListedHandoff


class Transitions(Caller):
    """Moves directives, all of it or none.

    A refusal or failure is an answer with `"success": false` and is not raised: raised it would undo its row in
    the log. Commit it.
    """

    def claim_directive(self, sd_id: str, session_id: str, ttl_seconds: int | None = None) -> dict[str, Any]:
        """Claim a directive for a session and `ttl_seconds` (default 900), or extend its claim.

        Raises InvalidArgument (OPS_018).
        """
        answer: dict[str, Any] = self._value(
            "fn_claim_directive", sd_id=sd_id, session_id=session_id, ttl_seconds=ttl_seconds
        )
        return answer

    def release_directive(self, sd_id: str, session_id: str) -> dict[str, Any]:
        """Give the claim of a session back."""
        answer: dict[str, Any] = self._value("fn_release_directive", sd_id=sd_id, session_id=session_id)
        return answer

    def atomic_transition(
        self,
        transition_type: str,
        sd_id: str,
        prd_id: str | None = None,
        session_id: str | None = None,
        request_id: str | None = None,
        expected_version: int | None = None,
        context: DocumentLike | None = None,
    ) -> dict[str, Any]:
        """Move a directive, by id or sd_key, as policy says; the same `request_id` again gives the first answer.

        `{"success", "audit_id", "idempotent_hit", "pre_state", "post_state", …}`; refused with `code`, `error` and
        `hint`, failed with `error_code`, `failed_step` and `recovery_action`.
        """
        answer: dict[str, Any] = self._value(
            "fn_atomic_transition",
            transition_type=transition_type,
            sd_id=sd_id,
            prd_id=prd_id,
            session_id=session_id,
            request_id=request_id,
            expected_version=expected_version,
            context=document(context),
        )
        return answer

    def atomic_lead_to_plan_transition(
        self,
        sd_id: str,
        prd_id: str | None = None,
        session_id: str | None = None,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Make the transition lead_to_plan; as `atomic_transition`."""
        answer: dict[str, Any] = self._value(
            "fn_atomic_lead_to_plan_transition",
            sd_id=sd_id,
            prd_id=prd_id,
            session_id=session_id,
            request_id=request_id,
        )
        return answer

    def atomic_plan_to_exec_transition(
        self,
        sd_id: str,
        prd_id: str | None = None,
        session_id: str | None = None,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Make the transition plan_to_exec; as `atomic_transition`."""
        answer: dict[str, Any] = self._value(
            "fn_atomic_plan_to_exec_transition",
            sd_id=sd_id,
            prd_id=prd_id,
            session_id=session_id,
            request_id=request_id,
        )
        return answer

    def atomic_exec_to_plan_transition(
        self,
        sd_id: str,
        prd_id: str | None = None,
        session_id: str | None = None,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Make the transition exec_to_plan; as `atomic_transition`."""
        answer: dict[str, Any] = self._value(
            "fn_atomic_exec_to_plan_transition",
            sd_id=sd_id,
            prd_id=prd_id,
            session_id=session_id,
            request_id=request_id,
        )
        return answer

    def atomic_plan_to_lead_transition(
        self,
        sd_id: str,
        prd_id: str | None = None,
        session_id: str | None = None,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Make the transition plan_to_lead; as `atomic_transition`."""
        answer: dict[str, Any] = self._value(
            "fn_atomic_plan_to_lead_transition",
            sd_id=sd_id,
            prd_id=prd_id,
            session_id=session_id,
            request_id=request_id,
        )
        return answer

    def execute_handoff(
        self,
        handoff_type: str,
        sd_id: str,
        prd_id: str | None = None,
        session_id: str | None = None,
        gate_results: DocumentLike | None = None,
        request_id: str | None = None,
    ) -> dict[str, Any]:
        """Hand a directive over, such as EXEC-TO-PLAN: its gates, then the transition.

        As `atomic_transition`, with `status` (accepted, blocked or rejected), `handoff_id` and `gates`. Raises
        InvalidArgument (OPS_018).
        """
        answer: dict[str, Any] = self._value(
            "fn_execute_handoff",
            handoff_type=handoff_type,
            sd_id=sd_id,
            prd_id=prd_id,
            session_id=session_id,
            gate_results=document(gate_results),
            request_id=request_id,
        )
        return answer

    def evaluate_gates(self, sd_id: str, gate_results: DocumentLike) -> dict[str, Any]:
        """Say whether a directive would pass with these results by gate; changes nothing.

        Raises NotFound (OPS_012), InvalidArgument (OPS_018).
        """
        answer: dict[str, Any] = self._value(
            "fn_evaluate_gates", sd_id=sd_id, gate_results=document(gate_results)
        )
        return answer

    def normalize_gate_result(self, gate: str, result: Any, strict: bool = False) -> dict[str, Any]:
        """Bring the result of a gate into the one form; `strict` raises InvalidGateResult (OPS_077) instead."""
        answer: dict[str, Any] = self._value(
            "fn_normalize_gate_result", gate=gate, result=document(result), strict=strict
        )
        return answer

    def gate_threshold(self, sd_type: str) -> float:
        """Return the score that directives of that type need."""
        threshold: float = self._value("fn_gate_threshold", sd_type=sd_type)
        return threshold

    def should_skip_gate(self, gate: str, sd_type: str) -> dict[str, Any]:
        """Say whether directives of that type skip a gate, and the result that stands for it."""
        answer: dict[str, Any] = self._value("fn_should_skip_gate", gate=gate, sd_type=sd_type)
        return answer

    def should_skip_gates(self, gates: Sequence[str], sd_type: str) -> dict[str, Any]:
        """Say it of several gates, by gate."""
        answer: dict[str, Any] = self._value("fn_should_skip_gates", gates=list(gates), sd_type=sd_type)
        return answer

    def list_handoffs(
        self, sd_id: str | None = None, status: str | None = None, limit: int | None = None
    ) -> list[ListedHandoff]:
        """List up to `limit` (20) handoffs, newest first. Raises InvalidArgument (OPS_018)."""
        return self._rows(ListedHandoff, "fn_list_handoffs", sd_id=sd_id, status=status, limit=limit)

    def show_directive(self, sd_id: str) -> dict[str, Any]:
        """Return a directive as it is now, with its claim, requirements and possible transitions.

        Raises NotFound (OPS_012).
        """
        answer: dict[str, Any] = self._value("fn_show_directive", sd_id=sd_id)
        return answer

    def list_directives(self, limit: int | None = None, status: str | None = None) -> list[ListedDirective]:
        """List up to `limit` directives (default 50, at most 1000), those changed last first.

        `status`: only those, `open` for those that take transitions. Raises InvalidArgument (OPS_018).
        """
        return self._rows(ListedDirective, "fn_list_directives", limit=limit, status=status)
