"""Steps, their leases, and those who run them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ClaimedStep:
    """A step this worker may run until the lease ends."""

    step_id: UUID
    mission_id: UUID
    key: str
    kind: str
    executor: str
    run_with: str
    """The executor implementation to call: `executor`, or `command` for a preset over it."""
    params: dict[str, Any]
    inputs: dict[str, Any]
    """Results of the steps it depends on, by their keys."""
    progress: Any
    """The last progress that an earlier attempt reported; None for none."""
    attempt: int
    """Number of this attempt, from 1."""
    lease_token: UUID
    lease_expires_at: datetime
    deadline_at: datetime | None
    """When this attempt must be over; None for never."""
    idempotency_key: str
    """The same for every attempt at the step."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The outcome of an extension for one lease."""

    step_id: UUID
    ok: bool
    """False when the token is no longer valid: stop, nothing you report will count."""
    cancel_requested: bool
    lease_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """The outcome of one step of a batch."""

    step_id: UUID
    outcome: str
    """accepted, queued, failed, cancelled or OPS_006."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Steps whose lease ran out."""

    requeued_steps: int
    """Those that are run again."""
    failed_steps: int
    """Those that had no tries left."""


@dataclass(frozen=True, slots=True)
class MissingExecutor:
    """Work that no live worker offers to run (OPS_005)."""

    executor: str
    waiting: int
    """Ready steps, at most 1,000 counted for a priority."""
    oldest: datetime | None
    """When the oldest of them was made."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of a step that has ended."""

    step_id: UUID
    key: str | None
    status: str
    result: Any
    """None where it is too large to be listed, too."""
    is_whole: bool
    """False where it was left out."""


@dataclass(frozen=True, slots=True)
class ListedStep:
    """A step in a list."""

    step_id: UUID
    mission_id: UUID
    position: int
    """Place in the template, from 1."""
    key: str | None
    kind: str
    executor: str
    status: str
    attempt: int
    """Number of the current or last attempt; 0 before the first."""
    failure_count: int
    """Failed attempts, lost leases included."""
    worker_id: str | None
    wait_reason: str | None
    """Why it is parked as waiting."""
    last_error: str | None
    run_after: datetime | None
    """A retry is not claimed before this time."""
    lease_expires_at: datetime | None
    reserved_at: datetime | None
    """When the last attempt was claimed."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class RunningStep:
    """A step that runs."""

    step_id: UUID
    mission_id: UUID
    key: str | None
    kind: str
    executor: str
    attempt: int
    worker_id: str | None
    reserved_at: datetime | None
    lease_expires_at: datetime | None
    deadline_at: datetime | None
