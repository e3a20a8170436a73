"""Area `explain`: why something does not run, and how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from opsloop.areas.call import Caller
from opsloop.results import Cause, DirectiveReason, Explanation, FoundId, Occurrence, Span, TraceContext


class Explain(Caller):
    """Reasons and histories."""

    def explain_mission(self, mission_id: UUID | str) -> list[Explanation]:
        """Say why a mission is not getting on: a row per step and reason, with the statement that frees it.

        An unknown mission is NotFound (OPS_012).
        """
        return self._rows(Explanation, "fn_explain_mission", mission_id=mission_id)

    def explain_step(self, step_id: UUID | str) -> list[Explanation]:
        """Say why a step is not running; for a blocked one, also why those at its root are not.

        An unknown step is NotFound (OPS_012).
        """
        return self._rows(Explanation, "fn_explain_step", step_id=step_id)

    def explain_proposal(self, proposal_id: UUID | str) -> list[Explanation]:
        """Say why a proposal is not a mission yet or, when it is one, why that is not getting on.

        An unknown proposal is NotFound (OPS_012).
        """
        return self._rows(Explanation, "fn_explain_proposal", proposal_id=proposal_id)

    def explain_cause(self, id: UUID | str) -> Cause:  # noqa: A002 - the function's own name for it
        """Tell why a proposal, or that of a mission or step, was made: its rationale, and what it came of.

        An id that is none of these is NotFound (OPS_012).
        """
        return self._row(Cause, "fn_explain_cause", id=id)

    def explain_directive(self, sd_id: str) -> list[DirectiveReason]:
        """Say why a directive is not moving on: a row per reason, with the statement that frees it.

        An unknown directive is NotFound (OPS_012).
        """
        return self._rows(DirectiveReason, "fn_explain_directive", sd_id=sd_id)

    def trail(self, id: UUID | str) -> list[Occurrence]:  # noqa: A002 - the function's own name for it
        """Tell how a mission, proposal, step or event came about and what came of it, oldest first.

        An id that is none of these is NotFound (OPS_012).
        """
        return self._rows(Occurrence, "fn_trail", id=id)

    def trace_context(
        self, step_ids: Sequence[UUID | str], event_ids: Sequence[int] | None = None
    ) -> list[TraceContext]:
        """Return the traces that steps, and messages of the outbox, belong to."""
        return self._rows(TraceContext, "fn_trace_context", step_ids=list(step_ids), event_ids=event_ids)

    def list_spans(self, step_ids: Sequence[UUID | str]) -> list[Span]:
        """List what has ended of these steps, and of their missions that ended, as spans of traces."""
        return self._rows(Span, "fn_list_spans", step_ids=list(step_ids))

    def find_id(self, id: str, what: str | None = None) -> list[FoundId]:  # noqa: A002
        """Say what an id is of, newest first; `id` may be the last 8 digits or more of one.

        `what`: only these, several joined by `|`. Raises InvalidArgument (OPS_018).
        """
        return self._rows(FoundId, "fn_find_id", id=id, what=what)

    def whole_id(self, id: str, what: str | None = None) -> UUID:  # noqa: A002
        """Return the whole id of the one thing whose last 8 digits or more these are.

        Raises NotFound (OPS_012), AmbiguousId (OPS_096), InvalidArgument (OPS_018).
        """
        found: UUID = self._value("fn_whole_id", id=id, what=what)
        return found

    def show(self, id: UUID | str, what: str | None = None) -> dict[str, Any]:  # noqa: A002
        """Return all that is on record of one thing, whatever its id is of.

        Raises NotFound (OPS_012), AmbiguousId (OPS_096), InvalidArgument (OPS_018).
        """
        found: dict[str, Any] = self._value("fn_show", id=str(id), what=what)
        return found
