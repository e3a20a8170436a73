"""What the functions of the loop return, as small frozen records named after their columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

from psycopg import AsyncCursor, Cursor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What became of a proposal."""

    proposal_id: UUID
    status: str
    """pending, voting, approved, auto_approved, rejected or expired."""
    mission_id: UUID | None
    """The mission it became; None while nobody approved it."""
    reason: str | None
    """Why it has its status; starts with the OPS code where one applies."""
    ord: int | None = None
    """Place in the batch, from 1; None outside a batch."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate says about a proposal now."""

    ok: bool
    code: str | None
    """The OPS code why not; None when ok."""
    reason: str | None


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
    """What an extension did to one lease."""

    step_id: UUID
    ok: bool
    """False when the token is no longer valid: stop, nothing you report will count."""
    cancel_requested: bool
    lease_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of one step of a batch."""

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
class GroupRole:
    """One of the five group roles of a loop."""

    role: str
    """reader, producer, worker, operator or admin."""
    name: str
    status: str
    """ready, missing, without rights, or a login."""
    remedy: str | None
    """SQL for whoever may make roles, when that is what is needed."""


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


@dataclass(frozen=True, slots=True)
class ListedProposal:
    """A proposal in a list."""

    proposal_id: UUID
    title: str | None
    source: str
    status: str
    risk_level: str
    """The risk judged: low, medium or high."""
    reason: str | None
    template: dict[str, Any]
    """What would run."""
    mission_id: UUID | None
    proposed_login: str | None
    decided_by: str | None
    """Who approved or rejected it, as claimed; `policy` when nobody had to; None when it is undecided."""
    created_at: datetime


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
    votes: list[dict[str, Any]]
    """What agents advise: role, vote and reason of each."""
    decide: dict[str, str]
    """What a person can do, each with the statement that does it."""
    digest: str
    """Stands for `would_run`; with `as_shown` a decision counts for that only."""
    in_all: int
    """How many wait in all."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason why something is not running."""

    step_id: UUID | None
    """The step; None where it is about the mission or the proposal as a whole."""
    key: str | None
    """Name of the step in its template."""
    status: str
    reason: str
    """dependency, approval, hold, pause, cap, policy, no_worker, lease, retry_timer, queue or ended."""
    code: str | None
    """The OPS code that says more; None where none applies."""
    detail: str
    frees: str | None
    """The SQL statement that frees it; None where only time, a worker or another step does."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause in force."""

    scope: str
    """all, executor, agent, kind, source or mission."""
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


@dataclass(frozen=True, slots=True)
class Idempotent:
    """Whether a key was taken for the first time."""

    fresh: bool
    """True for the first caller, who does what the key stands for."""
    result: Any
    """What the first one stored; None when fresh, or when nothing was stored."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, and when a person should look."""

    name: str
    kind: str
    """counter or gauge."""
    value: Decimal
    help: str
    alert_above: Decimal | None
    """For a counter the rise per `alert_per`, for a gauge the value; None: no number is alarming by itself."""
    alert_per: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """The system health overview; counts end at 10,000."""

    unprocessed_events: int
    recent_events: int
    """Events looked at in the last hour."""
    queued_reactions: int
    processing_reactions: int
    pending_proposals: int
    recent_proposals: int
    """Proposals made in the last hour."""
    running_missions: int
    """Of those made in the last 24 hours, as are the failed ones."""
    failed_missions: int
    queued_steps: int
    """Ready ones, and those that wait for their next try."""
    running_steps: int
    failed_steps: int
    waiting_proposals: int
    """Proposals that wait for a person, those being voted on among them."""
    waiting_steps: int
    """Steps that wait for a person."""
    paused_scopes: int
    paused_steps: int
    """Ready steps that a pause took out of the queue."""
    killed: bool
    """Whether the kill switch is on."""
    live_workers: int
    oldest_ready_at: datetime | None
    """Since when the step that has waited longest is ready."""
    last_heartbeat_at: datetime | None
    """When a heartbeat last went well."""
    xmin_holder: str | None
    """Who keeps vacuum from removing dead rows."""
    xmin_held_since: datetime | None


@dataclass(frozen=True, slots=True)
class Check:
    """One health check."""

    name: str
    status: str
    """ok, warn or fail."""
    value: str
    """What was found."""
    threshold: str
    """Where warning and failure begin."""
    hint: str | None
    """What to do; None when it is ok."""


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
class Broken:
    """One broken instance of an invariant."""

    invariant: str
    """Which one."""
    subject: str
    """What it is broken for, such as a step."""
    detail: str | None


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


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A message of the outbox, claimed."""

    id: int
    aggregate_type: str
    aggregate_id: str
    event_type: str
    payload: Any
    retry_count: int
    """Failed deliveries so far."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of the outbox, claimed, with where policy sends it."""

    id: int
    aggregate_type: str
    aggregate_id: str
    event_type: str
    retry_count: int
    """Failed deliveries so far."""
    idempotency_key: str
    """The same for every delivery of this message, and never of another."""
    body: str
    """What to deliver: a JSON object, the same to the letter each time."""
    sink: str
    """http, notify, command, or one of the relay's own."""
    settings: dict[str, Any]
    """What the sink needs to know; `fault` when it cannot be done as policy stands."""
    lease_seconds: float
    """How long the claim holds, seconds from the call."""


@dataclass(frozen=True, slots=True)
class OutboxClaim:
    """Whether a message is still the processor's."""

    event_id: int
    ok: bool
    """False: do not deliver it."""


@dataclass(frozen=True, slots=True)
class OutboxOutcome:
    """What became of a report about a message."""

    event_id: int
    outcome: str
    """delivered, retry, dead or released; OPS_006 when it was not the processor's; busy: say it again."""


def record(cls: type[T]) -> Callable[[Cursor[Any] | AsyncCursor[Any]], Callable[[Sequence[Any]], T]]:
    """Make a psycopg row factory for a record; columns it does not know (a newer schema's) are left out."""
    names = [f.name for f in fields(cls)]  # type: ignore[arg-type]

    def factory(cursor: Cursor[Any] | AsyncCursor[Any]) -> Callable[[Sequence[Any]], T]:
        place = {column.name: i for i, column in enumerate(cursor.description or ())}
        used = [name for name in names if name in place]
        at = [place[name] for name in used]
        # By position where the fields it has are the first ones: half the time, and batches have thousands of rows.
        if used == names[: len(used)] and len(used) > 1:
            pick = itemgetter(*at)
            return lambda values: cls(*pick(values))
        return lambda values: cls(**{name: values[i] for name, i in zip(used, at, strict=True)})

    return factory


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record of a replay."""

    already_replayed: bool
    """True: somebody replayed it before; leave it."""
    replay_id: int


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of a dead letter."""

    redriven: bool
    """False when it had been put back before."""
    replay_id: int | None
    new_msg_id: str | None
    """What was put back: `step:<id>`, `reaction:<id>`, `outbox:<id>`, or the event that tells of it."""


@dataclass(frozen=True, slots=True)
class RedrivenLetter:
    """What became of one dead letter of many."""

    dl_msg_id: str
    what: str
    """step, reaction, outbox or other."""
    reason: str | None
    """Why it had given up."""
    outcome: str
    """would be redriven, redriven, was redriven before, or the error that kept it."""
    new_msg_id: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What gave up, whole."""

    dl_msg_id: str
    what: str
    """step, reaction, outbox or other."""
    original_msg_id: str
    reason: str | None
    attempts: int
    dead_lettered_at: datetime
    archived_by: str
    redriven_at: datetime | None
    """When it was put back; None while it waits."""
    replayed_by: str | None
    new_msg_id: str | None
    payload: dict[str, Any]
    """All that was kept of it, with the history of its errors."""
