"""What a backlog costs: the rate with a million missions waiting, against a thousand."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

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
_RATE = """
  select %(n)s / extract(epoch from max(completed_at) - min(started_at))
    from (select started_at, completed_at from ops_action_runs order by completed_at limit %(n)s) first"""
_WRONG = """
  select count(*) filter (where r.status <> 'succeeded' or s.executor not in ('noop', 'stamp'))
         + count(*) - count(distinct r.step_id)
    from ops_action_runs r join ops_mission_steps s on s.id = r.step_id"""


class Backlog(Workload):
    """Steps per second of the first steps that are drained, from the first claim on."""

    name = "backlog"
    measures = "the first steps of a mixed backlog drained by two workers, of a large one and of a small one"
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop with both backlogs."""
        return [Entrant("opsloop", "small"), Entrant("opsloop", "large")]

    @contextmanager
    def prepared(self, bench: Bench) -> Iterator[Turn]:
        """Both backlogs, copied for each turn."""
        steps = bench.size(30_000, 5_000)
        sizes = {"small": bench.size(1_000, 1_000), "large": bench.size(1_000_000, 50_000)}
        with ExitStack() as stack:
            for name, size in sizes.items():
                dsn = stack.enter_context(bench.stage.database(name, engine.TEMPLATE))
                say(f"backlog: enqueueing {size:,} missions")
                # The steps that will be drained, and the backlog that stays.
                engine.propose(dsn, _mixed(steps, _KINDS[:2]) + _mixed(size, _KINDS))
                engine.settle(dsn)
                engine.checkpoint(dsn)

            def turn(entrant: Entrant) -> list[Figure]:
                with bench.stage.database("backlog", entrant.variant) as dsn:
                    rate = _first(dsn, steps)
                return [Figure("rate", rate, "steps/s", {"n": steps, "backlog": sizes[entrant.variant]})]

            yield turn


def _mixed(number: int, kinds: Sequence[str]) -> list[dict[str, Any]]:
    """Templates of one step, of all kinds and priorities, in an order that is the same each time."""
    chance = random.Random(number)
    return [
        {"title": "bench", "priority": chance.choice(_PRIORITIES), "steps": [{"kind": chance.choice(kinds)}]}
        for _ in range(number)
    ]


def _first(dsn: str, steps: int) -> float:
    """Steps per second until so many are done."""
    done = "select count(*) from ops_action_runs"
    with engine.connect(dsn) as conn:
        with fleet.workers(dsn, _WORKERS, *_SERVED) as running:
            fleet.until(f"{steps} steps are done", lambda: engine.number(conn, done) >= steps, running, 0.1)
        if wrong := engine.number(conn, _WRONG):
            raise AssertionError(
                f"{wrong} attempts too many, unsuccessful or of an executor that is not served"
            )
        row = conn.execute(_RATE, {"n": steps}).fetchone()
    assert row is not None
    return float(row[0])
