"""Outcomes of events, and ideas on the radar board."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Triggers:
    """One turn of matching events with patterns."""

    events: int
    """Events looked at."""
    queued: int
    """Reactions made."""


@dataclass(frozen=True, slots=True)
class Reactions:
    """One turn of turning reactions into proposals."""

    processed: int
    """Reactions worked off."""
    created: int
    """Proposals made."""


@dataclass(frozen=True, slots=True)
class ListedIdea:
    """An idea on the radar board."""

    title: str
    description: str | None
    status: str
    """watching, validating, building or shipped."""
    score: Decimal | None
    source: str | None
    evidence: dict[str, Any]
    created_at: datetime
    updated_at: datetime
