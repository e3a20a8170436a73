"""Pauses, and work that waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause in force."""

    scope: str
    """all, executor, agent, kind, source, mission or schedule."""
    target: str
    """Which one; empty for all."""
    kill: bool
    """True when the kill switch did it."""
    reason: str | None
    paused_by: str | None
    paused_login: str
    paused_at: datetime
    parked: int
    """Ready steps that it took out of the queue, counted up to 10,000."""


@dataclass(frozen=True, slots=True)
class InboxEntry:
    """A proposal or a parked step that waits for a person."""

    kind: str
    """proposal or step."""
    id: UUID
    mission_id: UUID | None
    """The mission of a step; None for a proposal."""
    title: str | None
    status: str
    risk_level: str | None
    would_run: Any
    """What exactly would run, step by step."""
    waits_because: str | None
    since: datetime
    proposed_by: str | None
    """The source that proposed it."""
    proposed_login: str | None
    proposers: list[str] | None
    """The logins that proposed it or what led to it, and so may not decide."""
    votes: list[dict[str, Any]]
    """The advice of agents: role, vote and reason of each; of a person's vote also login and groups."""
    decide: dict[str, str]
    """The acts open to a person, each with its statement."""
    digest: str
    """Stands for `would_run`; with `as_shown` a decision counts for that only."""
    seats: str | None
    """Which seats `approval_rules` ask for and which are open; None where one decision is enough."""
    rules: list[str] | None
    """The rules that ask."""
    expires_at: datetime | None
    """Until when it can be decided; None where it does not expire."""
    rationale: str | None
    """Why it is proposed, in the words of the proposer."""
    refs: list[str] | None
    """Links and ids that the proposer gave; never executed."""
    caused_by: dict[str, Any] | None
    """The event that led to it, and the mission before it with how its steps ended; None without an event."""
    in_all: int
    """How many wait in all."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The outcome of one decision of a batch."""

    ord: int
    """Place in the batch, from 1."""
    id: UUID
    ok: bool
    status: str | None
    """The status of the proposal now; None where there is none."""
    mission_id: UUID | None
    code: str | None
    """The OPS code why not; None when ok."""
    reason: str | None
