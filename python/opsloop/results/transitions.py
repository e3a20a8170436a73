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


@dataclass(frozen=True, slots=True)
class ListedDirective:
    """A directive in a list."""

    sd_id: str
    sd_key: str | None
    title: str
    sd_type: str | None
    status: str
    current_phase: str
    session_id: str | None
    """The session that holds it."""
    handoff_status: str | None
    """What its last handoff came to."""
    score: Decimal | None
    threshold: Decimal | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ListedSubAgent:
    """A sub-agent, and what it found last; or one thing that it found."""

    code: str
    name: str
    priority: int | None
    executor: str | None
    is_active: bool
    sd_id: str | None
    phase: str | None
    verdict: str | None
    """PASS, WARNING, FAIL or BLOCKED."""
    confidence: Decimal | None
    execution_time: Decimal | None
    """Seconds."""
    mission_id: UUID | None
    created_at: datetime | None
