"""Messages of the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


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
    """The outcome of a report about a message."""

    event_id: int
    outcome: str
    """delivered, retry, dead or released; OPS_006 when it was not the processor's; busy: say it again."""


@dataclass(frozen=True, slots=True)
class ListedMessage:
    """A message of the outbox in a list."""

    event_id: int
    aggregate_type: str
    aggregate_id: str
    event_type: str
    status: str
    """waiting, delivered or dead."""
    created_at: datetime
    processed_at: datetime | None
    retry_count: int
    retry_at: datetime | None
    """When its aggregate is tried again."""
    processor_id: str | None
    last_error: str | None
    held: str | None
    """Why relays leave it."""
