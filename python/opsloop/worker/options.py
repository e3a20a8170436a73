"""The options of a worker on its command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from opsloop.config import Settings
from opsloop.process.mode import Mode


@dataclass(frozen=True, slots=True)
class Options:
    """Options of one worker process; every time is in seconds."""

    mode: Mode = Mode.FOREVER
    batch: int = 400
    """Most steps leased by one claim."""
    concurrency: int = 400
    """Most steps this worker runs at a time."""
    executor_concurrency: Mapping[str, int] = field(default_factory=dict)
    """The same for single executors; goes before what policy and the executor itself say."""
    grace: float = 30.0
    """How long running steps get to finish once the worker is asked to stop."""
    heartbeat: float | None = 1.0
    """Pause between two heartbeats; None for no heartbeat here."""
    poll: float = 1.0
    """Longest pause between two looks at the queue, even without a notification."""
    idle_after: float | None = None
    """How long a worker has had nothing to do before it falls asleep; None for never."""
    listen: bool = True
    """Wait for notifications; False where a pooler stands in between."""
    lease: int | None = None
    """Length of a lease; None leaves it to policy."""
    max_retries: int | None = None
    """Failures after which a step of this worker's fails for good; None leaves it to policy."""
    event_batch: int | None = None
    """Events looked at by one heartbeat; None leaves it to policy."""
    reaction_batch: int | None = None
    """Reactions worked off by one heartbeat; None leaves it to policy."""
    stale_minutes: int | None = None
    """Minutes after which a step without a lease on record counts as stale; None leaves it to policy."""

    @classmethod
    def of(cls, settings: Settings, **given: Any) -> Self:
        """The settings of the environment, then the arguments."""
        return cls(
            lease=None if settings.step_lease_minutes is None else settings.step_lease_minutes * 60,
            max_retries=settings.worker_max_retries,
            event_batch=settings.event_batch_size,
            reaction_batch=settings.reaction_batch_size,
            stale_minutes=settings.stale_step_minutes,
            **given,
        )
