"""Missions of ten steps, each after the one before: what a durable workflow costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh
from peers import rate_of

_STEPS = 10
_WORKERS = 2
_MISSIONS = {"opsloop": (5_000, 1_000), "absurd": (1_000, 300), "dbos": (300, 60), "awa": (1_000, 300)}


class Sequential(Fresh):
    """Missions per second from the start of the first step to the end of the last mission."""

    name = "sequential"
    measures = (
        f"missions (or workflows) of {_STEPS} sequential steps done by two worker processes, per second"
    )
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop, and what calls itself a durable workflow engine."""
        return [Entrant(system) for system in _MISSIONS]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Enqueue, run, verify."""
        missions = bench.size(*_MISSIONS[entrant.system])
        if entrant.system != "opsloop":
            with bench.stage.database("sequential") as dsn:
                bench.peers.run(entrant.system, "setup", dsn)
                said = bench.peers.run(
                    entrant.system, "sequential", dsn, n=missions, steps=_STEPS, workers=_WORKERS
                )
                return [Figure("rate", rate_of(said, missions), "missions/s", said)]
        with bench.stage.database("sequential", engine.TEMPLATE) as dsn:
            with fleet.idle_workers(dsn, _WORKERS) as running:
                engine.propose_at_once(dsn, [chain(_STEPS)] * missions)
                fleet.all_done(dsn, running)
            seconds = engine.seconds_of_work(dsn, missions, missions * _STEPS)
            return [Figure("rate", missions / seconds, "missions/s", {"n": missions, "steps": _STEPS})]


def chain(length: int) -> dict[str, Any]:
    """A template of steps that depend each on the one before."""
    steps = [
        {"key": f"s{n}", "kind": "noop", **({"depends_on": [f"s{n - 1}"]} if n else {})}
        for n in range(length)
    ]
    return {"title": "bench", "steps": steps}
