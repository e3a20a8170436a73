"""Standing grants, and decisions that somebody took alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Grant:
    """A vote that was given beforehand."""

    grant_id: UUID
    match: dict[str, Any]
    """What it covers."""
    status: str
    """live, over, used up or revoked."""
    until: datetime
    uses: int
    """How often it has counted."""
    max_uses: int
    granted_login: str
    """Whose vote it is."""
    granted_by: str
    reason: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BrokenGlass:
    """A decision that one login took alone."""

    proposal_id: UUID
    title: str | None
    login: str
    actor: str
    reason: str
    used_at: datetime
    review_due: datetime
    reviewed_by: list[str]
    """The logins that signed it off."""
    is_open: bool
    """Two others have not signed it off yet."""
    is_overdue: bool
