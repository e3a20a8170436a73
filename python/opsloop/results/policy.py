"""Versions of policy documents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A policy document in force."""

    key: str
    version: int
    value: dict[str, Any]
    changed_by: str
    """The person or program that set it, as claimed."""
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """One version of a policy document."""

    version: int
    value: dict[str, Any]
    changed_by: str
    """The person or program that changed it, as claimed."""
    changed_login: str
    """The database login that changed it."""
    updated_at: datetime
    reason: str | None
    """Why, in the words of whoever changed it."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What another policy would have decided: a count by old and new outcome, or one decision that would differ."""

    kind: str
    """`matrix` or `decision`."""
    old_outcome: str
    new_outcome: str
    decisions: int
    proposal_id: UUID | None
    event_id: UUID | None
    pattern: str | None
    title: str | None
    source: str | None
    decided_at: datetime | None
    rule: str | None
    """The path in policy that says so."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class PolicyShadow:
    """A document that is judged beside the one in force, and decides nothing."""

    key: str
    value: dict[str, Any]
    set_by: str
    """The person or program that set it, as claimed."""
    set_login: str
    reason: str | None
    since: datetime
    judged_to: datetime
    """Proposals before that time have been judged."""
    decisions: int
    differing: int
    """Of these, the decisions that it would have taken otherwise."""


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """Whether policy decides as an example says."""

    name: str
    passed: bool
    got: dict[str, Any]
    """`outcome`, `reason`, and where they are known `risk`, `rule` and `pattern`."""
    expected: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One path at which two policy documents differ."""

    path: str
    before: Any
    """What stands there before; None where nothing does."""
    after: Any
