"""One attempt at a step, from its claim until its end is reported."""

from __future__ import annotations

import asyncio
import enum
from typing import NamedTuple

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


class HeldLease(NamedTuple):
    """How long a step is this worker's, on the monotonic clock. Those that one claim brought mostly share one."""

    seconds: float
    """How long it was when it was given."""
    until: float
    """Until when it holds for certain: the server counts no sooner."""
    extend_at: float
    """When it is to be extended next."""

    @classmethod
    def given(cls, asked: float, seconds: float) -> HeldLease:
        """A lease of `seconds`, the answer to a question asked at `asked`."""
        # After a third of it, but five seconds at most: an extension also brings the news that a mission was cancelled.
        return cls(seconds, asked + seconds, asked + max(0.0, min(seconds / 3, _EXTEND_WITHIN)))


class LiveAttempt:
    """A leased step that runs here. `ctx` is what its handler sees."""

    __slots__ = ("ctx", "ends", "executor", "lease", "reported", "stop", "stopped_at", "task", "token")

    def __init__(self, ctx: Context, executor: str, token: str, ends: float | None, lease: HeldLease) -> None:
        self.ctx = ctx
        self.executor = executor
        self.token = token
        self.ends = ends
        """Deadline on this process's monotonic clock; None for none."""
        self.lease = lease
        self.task: asyncio.Task[None] | None = None
        """The task that runs it; None while it runs in a thread, which cannot be cancelled."""
        self.stop: Stop | None = None
        self.stopped_at = 0.0
        """When it was asked to stop, on the monotonic clock."""
        self.reported = False
        """True once its end was reported; what a thread brings after that is dropped."""

    def extend_at(self, moment: float) -> None:
        """Have its lease extended then, and not before."""
        self.lease = self.lease._replace(extend_at=moment)

    @property
    def proof(self) -> dict[str, str]:
        """The proof to the database that this attempt may report about its step."""
        return {"step_id": self.ctx.step_id, "lease_token": self.token}

    def proof_with(self, progress: bytes | None) -> bytes:
        """`proof` as JSON, with progress, if any."""
        proof = jsonio.dumps(self.proof)
        return proof if progress is None else proof[:-1] + b',"progress":' + progress + b"}"

    @property
    def names(self) -> dict[str, str | int]:
        """The fields of a line of the log about it."""
        return {
            "step_id": self.ctx.step_id,
            "mission_id": self.ctx.mission_id,
            "executor": self.executor,
            "attempt": self.ctx.attempt,
        }
