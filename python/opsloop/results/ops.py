"""How the loop is doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


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
    asleep_workers: int
    """Those of them that sleep until there is something to do, and give no sign of life."""
    oldest_ready_at: datetime | None
    """Since when the step that has waited longest is ready."""
    last_heartbeat_at: datetime | None
    """When a heartbeat last went well."""
    xmin_holder: str | None
    """The session that keeps vacuum from removing dead rows."""
    xmin_held_since: datetime | None


@dataclass(frozen=True, slots=True)
class Check:
    """One health check."""

    name: str
    status: str
    """ok, warn or fail."""
    value: str
    """The finding."""
    threshold: str
    """Where warning and failure begin."""
    hint: str | None
    """What to do; None when it is ok."""


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
class Broken:
    """One broken instance of an invariant."""

    invariant: str
    """Which one."""
    subject: str
    """What it is broken for, such as a step."""
    detail: str | None


@dataclass(frozen=True, slots=True)
class Stranded:
    """A parked or running step that an upgrade would leave behind."""

    step_id: UUID
    mission_id: UUID
    waits_for: str
    """person, pause, time, event or limit; worker: it runs, on one of too old a package."""
    reason: str
    remedy: str
    """The statement that puts it back to work, or lets it end."""


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
    missing: str | None
    """The rights that a role lacks."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What ran of one kind, executor, worker or source in some time, by attempts."""

    name: str | None
    """None for attempts whose step is gone."""
    started: int
    succeeded: int
    failed: int
    lost: int
    other: int
    """Released, cancelled or fenced."""
    running: int
    """Now."""
    p50_seconds: Decimal | None
    p95_seconds: Decimal | None


@dataclass(frozen=True, slots=True)
class Rate:
    """What happened in one minute; None where it was not counted, as too much has happened since."""

    minute: datetime
    events: int | None
    decisions: int | None
    """Proposals that policy or persons decided."""
    succeeded: int | None
    """Attempts."""
    failed: int | None
    """Attempts that failed or were lost."""


@dataclass(frozen=True, slots=True)
class ListedWorker:
    """A worker process."""

    worker_id: str
    status: str
    """live, asleep, gone (it gave no sign of life in time) or stopped."""
    hostname: str | None
    pid: int | None
    version: str | None
    login: str
    executors: list[str]
    running: int
    """Steps that it has."""
    started_at: datetime
    last_seen_at: datetime
    stopped_at: datetime | None
    refused: str | None
    """The code for which its claims are refused."""
