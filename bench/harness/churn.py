"""Churn: work comes in while work is done, for a while, and there is always more of it than is done."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock, Thread
from typing import Any
from uuid import UUID

import psycopg

from harness import engine, fleet
from harness.progress import say
from opsloop import Client

#: Enqueues so many in one transaction; gives the id of the last one.
Feed = Callable[[Client, int], UUID]
#: What somebody else does to the database while it is measured; gives the number of missions that it has proposed.
Hold = Callable[[str], AbstractContextManager[int]]

_BATCH = 500
_FEEDERS = 4
#: With fewer waiting than this, workers have waited, too.
_DRY = 1_000
_LOOK = 0.02
_ANY = "select count(*) from (select from ops_action_runs limit 1) r"
_SUCCEEDED = "select count(*) from ops_missions where status = 'succeeded'"
_PER_SECOND = """
  select floor(extract(epoch from completed_at - %(began)s))::integer, count(*) from ops_action_runs
   where completed_at >= %(began)s and completed_at < %(ended)s group by 1"""
_LAST = """
  select count(*) from ops_action_runs
   where completed_at >= %(ended)s - make_interval(secs => %(last)s) and completed_at < %(ended)s"""


@dataclass(frozen=True)
class Plan:
    """How a churn goes."""

    feed: Feed
    #: Queries: the ids of what waits at the beginning, in order; whether one has been taken; how much waits.
    stocked: str
    taken: str
    waiting: str
    #: How long it lasts, and the part at its end that counts, in seconds.
    seconds: float
    last: float
    workers: int = 2
    env: dict[str, str] | None = None


@dataclass(frozen=True)
class Churned:
    """The outcome."""

    #: Steps per second in the last seconds.
    rate: float
    #: Steps completed in each second, from the beginning of the hold.
    per_second: list[int]
    #: What still waited at the end: when it is nothing, it was feeding that was measured.
    waiting: int
    #: How much there was in all.
    fed: int

    def details(self) -> dict[str, Any]:
        """What is kept with the figure."""
        return {"per_second": self.per_second, "waiting_at_end": self.waiting, "fed": self.fed}


class Feeder:
    """Sessions that feed for as long as less than the stock waits.

    There are more of them than workers, so that on a busy machine it is not they who come too short. How much waits
    they learn from the batches themselves: work is taken in the order in which it came, so that a batch whose last one
    has been taken waits no more. To count what waits would cost more the more there is.
    """

    def __init__(self, dsn: str, plan: Plan) -> None:
        self._dsn = dsn
        self._plan = plan
        self._stop = Event()
        self._lock = Lock()
        self._errors: list[psycopg.Error] = []
        #: The last one of each batch that waits, and the size of the batch.
        self._waiting: deque[tuple[UUID, int]] = deque()
        with engine.connect(dsn) as conn:
            stock: list[UUID] = [row[0] for row in conn.execute(plan.stocked).fetchall()]
        for start in range(0, len(stock), _BATCH):
            batch = stock[start : start + _BATCH]
            self._waiting.append((batch[-1], len(batch)))
        #: How much there has been so far, the stock included.
        self.fed = self._size = len(stock)
        self._threads = [Thread(target=self._run) for _ in range(_FEEDERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; raises what went wrong."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            with engine.connect(self._dsn) as conn:
                client = Client(conn)
                while not self._stop.is_set():
                    if self._enough(conn):
                        self._stop.wait(_LOOK)
                        continue
                    last = self._plan.feed(client, _BATCH)
                    with self._lock:
                        self._waiting.append((last, _BATCH))
                        self.fed += _BATCH
        except psycopg.Error as error:
            self._errors.append(error)

    def _enough(self, conn: psycopg.Connection[Any]) -> bool:
        """Whether the stock waits, having forgotten the batches that do not."""
        with self._lock:
            while self._waiting and conn.execute(self._plan.taken, (self._waiting[0][0],)).fetchone() == (
                True,
            ):
                self._waiting.popleft()
            return sum(size for _, size in self._waiting) >= self._size


def churn(dsn: str, plan: Plan, hold: Hold | None = None) -> Churned:
    """Churn in a database where the stock waits already, while `hold` lasts; afterwards work off what is left.

    Raises unless everything was done exactly once.
    """
    with fleet.workers(dsn, plan.workers, env=plan.env) as running, engine.connect(dsn) as conn:
        feeder = Feeder(dsn, plan)
        try:
            fleet.until("the first step is done", lambda: engine.number(conn, _ANY) > 0, running)
            with (hold or nobody)(dsn) as held:
                began = engine.now(dsn)
                time.sleep(plan.seconds)
                ended = engine.now(dsn)
                waiting = engine.number(conn, plan.waiting)
                feeder.stop()
        finally:
            feeder.stop()
        fed = feeder.fed + held
        fleet.until("all is done", lambda: engine.number(conn, _SUCCEEDED) >= fed, running, 1)
    engine.seconds_of_work(dsn, fed, fed)
    if waiting < _DRY:
        say(f"only {waiting} waited at the end: it was feeding that was measured")
    return _measured(dsn, plan, began, ended, waiting, fed)


def _measured(dsn: str, plan: Plan, began: datetime, ended: datetime, waiting: int, fed: int) -> Churned:
    window = {"began": began, "ended": ended, "last": plan.last}
    with engine.connect(dsn) as conn:
        seconds: dict[int, int] = dict(conn.execute(_PER_SECOND, window).fetchall())
        per_second = [seconds.get(second, 0) for second in range(int(plan.seconds))]
        return Churned(engine.number(conn, _LAST, window) / plan.last, per_second, waiting, fed)


@contextmanager
def nobody(dsn: str) -> Iterator[int]:
    """No hold at all: the control."""
    assert dsn
    yield 0
