"""One attempt at a step, from its claim until its end is reported."""

from __future__ import annotations

import asyncio
import enum

from opsloop import jsonio
from opsloop.executors import Context

_EXTEND_WITHIN = 5.0


class Stop(enum.Enum):
    """Why the worker wants an attempt to end."""

    DEADLINE = "its deadline passed"
    CANCELLED = "its mission was cancelled or failed"
    LOST = "its lease was lost"
    FENCED = "its lease is over"
    SHUTDOWN = "the worker shuts down"


class LiveAttempt:
    """A leased step that runs here. `ctx` is what its handler sees."""

    __slots__ = (
        "ctx",
        "ends",
        "executor",
        "extend_at",
        "lease_seconds",
        "lease_until",
        "reported",
        "stop",
        "stopped_at",
        "task",
        "token",
    )

    def __init__(
        self, ctx: Context, executor: str, token: str, ends: float | None, asked: float, lease_seconds: float
    ) -> None:
        self.ctx = ctx
        self.executor = executor
        self.token = token
        self.ends = ends
        """Deadline on this process's monotonic clock; None for none."""
        self.lease_until = 0.0
        """Until when the lease is this worker's for certain, on the monotonic clock: the server counts no sooner."""
        self.lease_seconds = 0.0
        """How long the lease was when it was given last."""
        self.extend_at = 0.0
        """When its lease is to be extended next, on the monotonic clock."""
        self.leased(asked, lease_seconds)
        self.task: asyncio.Task[None] | None = None
        """What runs it; None while it runs in a thread, which cannot be cancelled."""
        self.stop: Stop | None = None
        self.stopped_at = 0.0
        """When it was asked to stop, on the monotonic clock."""
        self.reported = False
        """True once its end was reported; what a thread brings after that is dropped."""

    def leased(self, asked: float, seconds: float) -> None:
        """A lease of `seconds` was given, to a question asked at `asked` on the monotonic clock."""
        self.lease_seconds = seconds
        self.lease_until = asked + seconds
        # A third of it, but five seconds at most: an extension also brings the news that a mission was cancelled.
        self.extend_at = asked + max(0.0, min(seconds / 3, _EXTEND_WITHIN))

    @property
    def ends_at(self) -> float:
        """When it is over, by its deadline or by its lease, on the monotonic clock."""
        return self.lease_until if self.ends is None else min(self.ends, self.lease_until)

    @property
    def lease(self) -> dict[str, str]:
        """What proves to the database that this attempt may speak about its step."""
        return {"step_id": self.ctx.step_id, "lease_token": self.token}

    def lease_with(self, progress: bytes | None) -> bytes:
        """`lease` as JSON, with progress, if any."""
        lease = jsonio.dumps(self.lease)
        return lease if progress is None else lease[:-1] + b',"progress":' + progress + b"}"

    @property
    def names(self) -> dict[str, str | int]:
        """What a line of the log says about it."""
        return {
            "step_id": self.ctx.step_id,
            "mission_id": self.ctx.mission_id,
            "executor": self.executor,
            "attempt": self.ctx.attempt,
        }
