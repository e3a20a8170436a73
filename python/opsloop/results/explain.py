"""Why something does not run, and how something came about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason why something is not running."""

    step_id: UUID | None
    """The step; None where it is about the mission or the proposal as a whole."""
    key: str | None
    """Name of the step in its template."""
    status: str
    reason: str
    """dependency, approval, hold, pause, session, cap, policy, no_worker, lease, retry_timer, time, event, mission,
    queue or ended.
    """
    code: str | None
    """The OPS code that says more; None where none applies."""
    detail: str
    frees: str | None
    """The SQL statement that frees it; None where only time, a worker or another step does."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a proposal was made."""

    proposal_id: UUID | None
    """None where it is no longer kept."""
    mission_id: UUID | None
    rationale: str | None
    """Why, in the words of whoever proposed it."""
    refs: list[str] | None
    caused_by: dict[str, Any] | None
    """`event`, and `mission` where one made that event, with how its steps ended; None without an event."""


@dataclass(frozen=True, slots=True)
class FoundId:
    """The object that has an id."""

    what: str
    """mission, step, proposal, reaction, event, letter, message, directive, grant or worker."""
    id: str
    title: str | None
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing that happened on the way of a mission."""

    at: datetime
    what: str
    """event, reaction, proposal, vote, mission, attempt …, or the type of an event of the mission itself."""
    subject: str | None
    who: str | None
    """Who did it, with the login where one is on record."""
    detail: str | None


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The trace that a step or a message belongs to."""

    id: str
    """Of the step or the message."""
    trace_id: str
    """32 hexadecimal digits."""
    parent_id: str | None
    """The span that work on it belongs to; None where the message is a trace by itself."""
    sampled: bool


@dataclass(frozen=True, slots=True)
class Span:
    """Something that has ended, as a span of a trace."""

    trace_id: str
    span_id: str
    parent_id: str | None
    sampled: bool
    name: str
    started_at: datetime
    ended_at: datetime
    error: str | None
    """Why it failed; None when it succeeded."""
    attributes: dict[str, str]
