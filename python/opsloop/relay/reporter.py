"""Reports what became of messages: in batches, in order, and until the database has heard it or the claim is over."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from opsloop import jsonio
from opsloop.errors import OpsError, condemns
from opsloop.process.link import Link
from opsloop.process.logs import Logger

_BATCH = 400
_ERROR_LIMIT = 2_000
_BUSY_PAUSE = 0.02
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0


class DeliveryReporter:
    """Collects outcomes and sends them over a link of its own."""

    def __init__(
        self,
        link: Link,
        processor_id: str,
        held: Callable[[int], bool],
        settled: Callable[[int, str], None],
        log: Logger,
    ) -> None:
        self._link = link
        self._processor_id = processor_id
        self._held = held
        self._settled = settled
        self._log = log
        self._queue: deque[tuple[int, bytes]] = deque()
        self._batch = _BATCH
        self._pause = _FIRST_PAUSE
        self._kept = False
        self._something = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        #: How many ended how: delivered, retry, dead, released, dropped, OPS_006.
        self.outcomes: Counter[str] = Counter()

    @property
    def backlog(self) -> int:
        """Number of outcomes that the database has not confirmed."""
        return len(self._queue)

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

    async def finish(self, seconds: float) -> None:
        """Have everything confirmed within that time, and drop the rest."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            while self._queue:
                self._drop(self._queue.popleft()[0], "OPS_001", None)

    async def run(self) -> None:
        """Send what there is to send, for ever."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._queue:
                await self._flush()
            self._empty.set()

    async def _flush(self) -> None:
        batch = list(itertools.islice(self._queue, self._batch))
        args = {
            "processor_id": self._processor_id,
            "outcomes": jsonio.array(body for _, body in batch),
        }
        try:
            rows = await self._link.call("complete_outbox_events", args)
        except OpsError as error:
            await self._refused(batch, error)
            return
        for _ in batch:
            self._queue.popleft()
        self._batch, self._pause, self._kept = min(self._batch * 2, _BATCH), _FIRST_PAUSE, False
        busy = []
        for said, row in zip(batch, rows, strict=True):
            if row.outcome == "busy":
                busy.append(said)
                continue
            self.outcomes[row.outcome] += 1
            self._settled(row.event_id, row.outcome)
        if busy:
            # Another session holds their aggregates just now; first in line again, for order's sake.
            self._queue.extendleft(reversed(busy))
            await asyncio.sleep(_BUSY_PAUSE)

    async def _refused(self, batch: list[tuple[int, bytes]], error: OpsError) -> None:
        """Find the one outcome that is to blame, or keep all of them, in order, for a while."""
        self._batch = max(1, len(batch) // 2)
        if condemns(error):
            if len(batch) == 1:
                self._condemn(error)
            return
        if not self._kept:
            self._log.warning(
                "reports kept for later", code=error.code, sqlstate=error.sqlstate, count=len(batch)
            )
            self._kept = True
        over = {event_id for event_id, _ in batch if not self._held(event_id)}
        self._queue = deque(said for said in self._queue if said[0] not in over)
        for event_id in over:
            self._drop(event_id, error.code, error.sqlstate)
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _condemn(self, error: OpsError) -> None:
        """The first outcome will never be taken as it is: without its text, or not at all."""
        event_id, body = self._queue.popleft()
        said = jsonio.loads(body)
        plainer = jsonio.dumps({"event_id": event_id, "outcome": said["outcome"]})
        if plainer == body:
            self._drop(event_id, error.code, error.sqlstate)
        else:
            self._queue.appendleft((event_id, plainer))

    def _drop(self, event_id: int, code: str, sqlstate: str | None) -> None:
        """It is delivered once more, after the lease: late, but not lost."""
        self.outcomes["dropped"] += 1
        self._log.error("a finished result dropped", event_id=event_id, code=code, sqlstate=sqlstate)
        self._settled(event_id, code)
