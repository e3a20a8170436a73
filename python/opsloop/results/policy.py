"""Versions of policy documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a policy document."""

    version: int
    value: dict[str, Any]
    changed_by: str
    """Who changed it, as claimed."""
    changed_login: str
    """The database login that changed it."""
    updated_at: datetime
    reason: str | None
    """Why, in the words of whoever changed it."""


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One path at which two policy documents differ."""

    path: str
    before: Any
    """What stands there before; None where nothing does."""
    after: Any
