"""Dead letters, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Recorded:
    """The record of a replay."""

    already_replayed: bool
    """True: somebody replayed it before; leave it."""
    replay_id: int


@dataclass(frozen=True, slots=True)
class Redriven:
    """The outcome of a dead letter."""

    redriven: bool
    """False when it had been put back before."""
    replay_id: int | None
    new_msg_id: str | None
    """What was put back: `step:<id>`, `reaction:<id>`, `outbox:<id>`, or the event that tells of it."""


@dataclass(frozen=True, slots=True)
class RedrivenLetter:
    """The outcome of one dead letter of many."""

    dl_msg_id: str
    what: str
    """step, reaction, outbox or other."""
    reason: str | None
    """Why it had given up."""
    outcome: str
    """would be redriven, redriven, was redriven before, or the error that kept it."""
    new_msg_id: str | None


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Dead letters that gave up in the same way."""

    group_key: str
    """Names it in filters: `{"group": …}`."""
    pattern: str
    """The reason, ids and numbers masked (#)."""
    letters: int
    executors: list[str]
    """Of steps; else reaction, outbox or other."""
    first_at: datetime
    last_at: datetime
    example: str | None
    """The reason of its last letter."""
    dl_msg_id: str
    """The name of that letter."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The failed item, whole."""

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
