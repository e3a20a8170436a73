"""Schedules, and what became of their ticks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ScheduleSet:
    """The outcome of setting a schedule."""

    name: str
    changed: bool
    next_at: datetime | None
    """Its next tick; None when none is to come, as when it is disabled."""


@dataclass(frozen=True, slots=True)
class AppliedSchedule:
    """The change of a schedule by a policy file."""

    name: str
    change: str
    """set, unchanged or deleted."""


@dataclass(frozen=True, slots=True)
class ListedSchedule:
    """A schedule: when, what, and how it gets on."""

    name: str
    cron: str | None
    every_seconds: int | None
    timezone: str
    event_type: str | None
    data: dict[str, Any] | None
    template: dict[str, Any] | None
    source: str
    overlap: str
    catch_up: str
    max_backlog: int
    enabled: bool
    paused: bool
    starts_at: datetime | None
    ends_at: datetime | None
    next_at: datetime | None
    """The next tick that heartbeats look for."""
    next_ticks: list[datetime]
    """The next three."""
    last_at: datetime | None
    last_outcome: str | None
    """queued, fired, rejected, refused, skipped or missed."""
    last_code: str | None
    last_reason: str | None
    failures: int
    """How many ticks in a row were refused or rejected."""
    queued: int
    """How many ticks wait for the one before."""
    from_file: bool
    set_by: str
    set_login: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Tick:
    """What became of a tick. Running and backfilling leave out what they do not know yet."""

    tick: datetime
    outcome: str
    """queued, fired, rejected, refused, skipped or missed."""
    code: str | None
    reason: str | None
    event_id: UUID | None
    proposal_id: UUID | None
    is_new: bool | None = None
    """For a backfill: False when it had happened, or waited, before."""
    cause: str | None = None
    """due, run or backfill."""
    mission_id: UUID | None = None
    login: str | None = None
    """The login that ran or backfilled it."""
    taken_at: datetime | None = None
