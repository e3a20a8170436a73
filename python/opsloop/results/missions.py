"""Missions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ListedMission:
    """A mission in a list."""

    mission_id: UUID
    proposal_id: UUID | None
    title: str | None
    status: str
    priority: int
    """Higher runs first."""
    steps_total: int
    steps_open: int
    """Steps that have not ended."""
    steps_failed: int
    """Steps that failed for good."""
    error: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    stuck: str | None = None
    """What all its open steps wait for, such as `1 held, 2 no worker`; None where it works or has ended."""
    parent_mission_id: UUID | None = None
    """The mission whose step of kind mission it is; None for most."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of one step or mission of many; in a dry run what would be acted on."""

    id: UUID
    mission_id: UUID | None
    title: str | None
    """The key of a step, the title of a mission."""
    was: str | None
    """Its status before."""
    ok: bool | None
    """None in a dry run."""
    status: str | None
    code: str | None
    """Why it was refused; in a dry run the code of its error."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class Stuck:
    """The reason why stuck missions wait."""

    reason: str
    """held, for a person, paused, no worker, blocked by policy, locked, lease over, over a limit or dependency."""
    missions: int
    steps: int
    oldest: datetime
