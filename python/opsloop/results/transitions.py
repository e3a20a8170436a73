"""Handoffs of directives, and why one does not move on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ListedHandoff:
    """A handoff that was asked for."""

    handoff_id: UUID
    sd_id: str
    handoff_type: str
    from_phase: str
    to_phase: str
    status: str
    """accepted, blocked or rejected."""
    score: Decimal | None
    """Rounded down to two decimals; None when no gate counted."""
    threshold: Decimal | None
    failed_gate: str | None
    """The gate that blocked it, or SD_TYPE_THRESHOLD."""
    why: str | None
    """Why it was not accepted."""
    session_id: str | None
    execution_time_ms: Decimal | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DirectiveReason:
    """One reason why a directive does not move on."""

    reason: str
    """ended, phase, claim, gate or failed."""
    detail: str
    statement: str
    """What frees it, or shows the rest."""
