"""One attempt at a step, from its claim until its end is reported."""

from __future__ import annotations

import asyncio
import enum

from opsloop import jsonio
from opsloop.executors import Context


class Stop(enum.Enum):
    """Why the worker wants an attempt to end."""

    DEADLINE = "its deadline passed"
    CANCELLED = "its mission was cancelled or failed"
    LOST = "its lease was lost"
    SHUTDOWN = "the worker shuts down"


class LiveAttempt:
    """A leased step that runs here. `ctx` is what its handler sees."""

    __slots__ = (
        "ctx",
        "ends",
        "executor",
        "extend_at",
        "lease_expires_at",
        "reported",
        "stop",
        "stopped_at",
        "task",
        "token",
    )

    def __init__(
        self, ctx: Context, executor: str, token: str, ends: float | None, lease_expires_at: str
    ) -> None:
        self.ctx = ctx
        self.executor = executor
        self.token = token
        self.ends = ends
        """Deadline on this process's monotonic clock; None for none."""
        self.lease_expires_at = lease_expires_at
        self.extend_at = 0.0
        """When its lease is to be extended next, on the monotonic clock."""
        self.task: asyncio.Task[None] | None = None
        """What runs it; None while it runs in a thread, which cannot be cancelled."""
        self.stop: Stop | None = None
        self.stopped_at = 0.0
        """When it was asked to stop, on the monotonic clock."""
        self.reported = False
        """True once its end was reported; what a thread brings after that is dropped."""

    @property
    def lease(self) -> dict[str, str]:
        """What proves to the database that this attempt may speak about its step."""
        return {"step_id": self.ctx.step_id, "lease_token": self.token}

    def lease_with_progress(self) -> bytes:
        """`lease` as JSON, with the progress that was reported since it was asked for last, if any."""
        lease, progress = jsonio.dumps(self.lease), self.ctx.take_progress()
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
