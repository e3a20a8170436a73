"""Missions that fan out, one step before a hundred before one, beside one-step missions: steps per second of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.troubles import troubles
from harness.workload import Bench, Fresh

_WIDTH = 100
_WORKERS = 8


class Fanout(Fresh):
    """Steps per second from the first claim to the last completion, all workers up and idle before."""

    name = "fanout"
    measures = f"steps per second of missions 1→{_WIDTH}→1, and of one-step missions, with {_WORKERS} workers"
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop with both shapes."""
        return [Entrant("opsloop", "one step"), Entrant("opsloop", "fan-out")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Enqueue in one transaction when all workers sleep; run; verify; look for deadlocks."""
        fans = bench.size(400, 60)
        wide = entrant.variant == "fan-out"
        steps = fans * (_WIDTH + 2)
        templates = [fan(_WIDTH)] * fans if wide else [engine.NOOP] * steps
        with bench.stage.database("fanout", engine.TEMPLATE) as dsn:
            with fleet.idle_workers(dsn, _WORKERS) as running:
                engine.propose_at_once(dsn, templates)
                fleet.all_done(dsn, running)
            seconds = engine.seconds_of_work(dsn, len(templates), steps)
            found = troubles(dsn)
            return [
                Figure("rate", steps / seconds, "steps/s", {"n": steps, **found}),
                Figure("deadlocks", float(found["deadlocks"] or 0), ""),
            ]


def fan(width: int) -> dict[str, Any]:
    """A template of one step, `width` after it, and one after all of these."""
    middle = [{"key": f"m{n}", "kind": "noop", "depends_on": ["first"]} for n in range(width)]
    last = {"key": "last", "kind": "noop", "depends_on": [step["key"] for step in middle]}
    return {"title": "bench", "steps": [{"key": "first", "kind": "noop"}, *middle, last]}
