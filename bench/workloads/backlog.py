"""What a backlog costs: the rate with a million missions waiting, against a thousand."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.progress import say
from harness.workload import Bench, Turn, Workload

#: What waits: two executors that workers serve, and one that none serves, as if it were paused, each in three
#: priorities.
_KINDS = ("noop", "stamp", "unserved")
_PRIORITIES = (0, 1, 5)
_SERVED = ("--app", "workloads.stamp", "--executors", "noop,stamp", "--no-heartbeat")
_WORKERS = 2
#: Attempts later than one, which their time-ordered ids find without reading those before.
_SINCE = "from ops_action_runs r where r.id > %(last)s"
_RATE = f"""
  select %(n)s / extract(epoch from max(completed_at) - min(started_at))
    from (select r.started_at, r.completed_at {_SINCE} order by r.completed_at limit %(n)s) first"""
_WRONG = f"""
  select count(*) filter (where r.status <> 'succeeded' or s.executor not in ('noop', 'stamp'))
         + count(*) - count(distinct r.step_id)
    from (select * {_SINCE}) r join ops_mission_steps s on s.id = r.step_id"""
_LATEST = "select id from ops_action_runs order by id desc limit 1"
_SERVED_WAITING = """
  select count(*) from ops_mission_steps where status = 'queued' and executor in ('noop', 'stamp')"""


class Backlog(Workload):
    """Steps per second of the first steps that are drained, from the first claim on."""

    name = "backlog"
    measures = "the first steps of a mixed backlog drained by two workers, of a large one and of a small one"
    #: Short ones and many, for the reason that `beside` has.
    rounds = (15, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop with both backlogs."""
        return [Entrant("opsloop", "small"), Entrant("opsloop", "large")]

    @contextmanager
    def prepared(self, bench: Bench) -> Iterator[Turn]:
        """Two databases that are kept for all rounds; what a turn drains is put in again at the end of the queue."""
        steps = bench.size(20_000, 5_000)
        sizes = {"small": bench.size(1_000, 1_000), "large": bench.size(1_000_000, 50_000)}
        with ExitStack() as stack:
            dsns = {name: stack.enter_context(bench.stage.database(name, engine.TEMPLATE)) for name in sizes}
            full = {}
            for name, size in sizes.items():
                say(f"backlog: enqueueing {size:,} missions")
                engine.propose(dsns[name], _mixed(size, _KINDS))
                engine.settle(dsns[name])
                full[name] = _served(dsns[name]) + steps

            def turn(entrant: Entrant) -> list[Figure]:
                dsn, name = dsns[entrant.variant], entrant.variant
                engine.propose(dsn, _mixed(full[name] - _served(dsn), _KINDS[:2]))
                engine.checkpoint(dsn)
                return [Figure("rate", _first(dsn, steps), "steps/s", {"n": steps, "backlog": sizes[name]})]

            yield turn


def _mixed(number: int, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Templates of one step, of all kinds and priorities, in an order that is the same each time."""
    chance = random.Random(number)
    return [
        {"title": "bench", "priority": chance.choice(_PRIORITIES), "steps": [{"kind": chance.choice(kinds)}]}
        for _ in range(number)
    ]


def _served(dsn: str) -> int:
    """How many steps wait that the workers serve."""
    with engine.connect(dsn) as conn:
        return engine.number(conn, _SERVED_WAITING)


def _first(dsn: str, steps: int) -> float:
    """Steps per second until so many more are done."""
    with engine.connect(dsn) as conn:
        latest = conn.execute(_LATEST).fetchone()
        since: dict[str, Any] = {"last": latest[0] if latest else UUID(int=0), "n": steps}
        done = f"select count(*) {_SINCE}"
        with fleet.workers(dsn, _WORKERS, *_SERVED) as running:
            fleet.until(
                f"{steps} steps are done", lambda: engine.number(conn, done, since) >= steps, running, 0.1
            )
        if wrong := engine.number(conn, _WRONG, since):
            raise AssertionError(
                f"{wrong} attempts too many, unsuccessful or of an executor that is not served"
            )
        row = conn.execute(_RATE, since).fetchone()
    assert row is not None
    return float(row[0])
