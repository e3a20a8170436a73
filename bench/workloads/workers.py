"""How the rate holds as workers are added: up to 64 processes."""

from __future__ import annotations

from collections.abc import Sequence

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.troubles import troubles
from harness.workload import Bench, Fresh

_NUMBERS = (1, 2, 4, 8, 16, 32, 64)
_QUICK = (2, 8, 24)
#: What one claim takes by default: so many for each worker warm all of them up.
_CLAIM = 400


class Workers(Fresh):
    """Steps per second from the first claim to the last completion, all workers warm and asleep before."""

    name = "workers"
    measures = "steps per second by number of worker processes"
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """One for each number of workers; to start 64 takes a quick run too long."""
        return [Entrant("opsloop", str(number)) for number in (_QUICK if quick else _NUMBERS)]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Warm up; enqueue in one transaction when all workers sleep; run; verify; look for deadlocks."""
        steps = bench.size(80_000, 16_000)
        number = int(entrant.variant)
        with bench.stage.database("workers", engine.TEMPLATE) as dsn:
            with fleet.idle_workers(dsn, number) as running:
                engine.propose_at_once(dsn, [engine.NOOP] * number * _CLAIM)
                fleet.all_done(dsn, running)
                fleet.all_asleep(dsn, running)
                since = engine.now(dsn)
                engine.propose_at_once(dsn, [engine.NOOP] * steps)
                fleet.all_done(dsn, running)
            seconds = engine.seconds_of_work(dsn, steps, steps, since)
            found = troubles(dsn)
        return [
            Figure("rate", steps / seconds, "steps/s", {"n": steps, **found}),
            Figure("deadlocks", float(found["deadlocks"] or 0), ""),
            Figure("serialization failures", float(found["serialization_failures"] or 0), ""),
        ]
