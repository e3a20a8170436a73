"""Reports what became of messages: in batches, in order, and until the database has heard it."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from opsloop import jsonio
from opsloop.errors import OpsError
from opsloop.process.link import Link
from opsloop.process.logs import Logger

_BATCH = 400
_ERROR_LIMIT = 2_000
_BUSY_PAUSE = 0.02


class DeliveryReporter:
    """Collects outcomes and sends them over a link of its own."""

    def __init__(
        self, link: Link, processor_id: str, settled: Callable[[int, str], None], log: Logger
    ) -> None:
        self._link = link
        self._processor_id = processor_id
        self._settled = settled
        self._log = log
        self._queue: deque[tuple[int, bytes]] = deque()
        self._sending = 0
        self._something = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        #: How many ended how: delivered, retry, dead, released, OPS_006.
        self.outcomes: Counter[str] = Counter()

    @property
    def backlog(self) -> int:
        """Number of outcomes that the database has not confirmed."""
        return len(self._queue) + self._sending

    def report(
        self, event_id: int, outcome: str, error: str | None = None, after: float | None = None
    ) -> None:
        """Say what became of a message; `after`: seconds to wait before the next try."""
        said: dict[str, Any] = {"event_id": event_id, "outcome": outcome}
        if error is not None:
            said["error"] = error[:_ERROR_LIMIT]
        if after is not None:
            said["retry_after_seconds"] = min(after, 1e9)
        self._queue.append((event_id, jsonio.dumps(said)))
        self._empty.clear()
        self._something.set()

    async def until_all_said(self) -> None:
        """Wait until the database has confirmed everything."""
        await self._empty.wait()

    async def run(self) -> None:
        """Send what there is to send, for ever."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._queue:
                await self._flush()
            self._empty.set()

    async def _flush(self) -> None:
        batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
        self._sending = len(batch)
        args = {
            "processor_id": self._processor_id,
            "outcomes": jsonio.array(body for _, body in batch),
        }
        try:
            rows = await self._link.call("complete_outbox_events", args)
            outcomes = [(row.event_id, row.outcome) for row in rows]
        except OpsError as error:
            # The leases run out, and the messages are delivered once more: late, but not lost.
            self._log.error("reports refused", code=error.code, count=len(batch))
            outcomes = [(event_id, error.code) for event_id, _ in batch]
        finally:
            self._sending = 0
        busy = []
        for said, (event_id, outcome) in zip(batch, outcomes, strict=True):
            if outcome == "busy":
                busy.append(said)
                continue
            self.outcomes[outcome] += 1
            self._settled(event_id, outcome)
        if busy:
            # Somebody looks at their aggregates just now; first in line again, for order's sake.
            self._queue.extendleft(reversed(busy))
            await asyncio.sleep(_BUSY_PAUSE)
