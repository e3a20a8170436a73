"""One-step missions that wait, worked off by two worker processes."""

from __future__ import annotations

from collections.abc import Sequence

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh
from peers import NAMES, rate_of
from workloads.floor import floor_rate, work_off_kept

WORKERS = 2
#: As many as a worker claims at once (its option --batch).
_KEPT_BATCH = 400
#: Jobs of a full and of a quick run: seconds of work for each, so that what starts cold counts for little.
_JOBS = {
    "floor_rows": (10_000, 2_000),
    "floor_batched": (200_000, 50_000),
    "floor_kept": (100_000, 20_000),
    "opsloop": (100_000, 20_000),
    "pgqueuer": (100_000, 20_000),
    "procrastinate": (5_000, 1_000),
    "graphile_worker": (100_000, 30_000),
    "pg_boss": (100_000, 20_000),
    "awa": (30_000, 10_000),
    "absurd": (10_000, 3_000),
    "dbos": (3_000, 500),
}


class Drain(Fresh):
    """Jobs per second from the start of the first to the record of the last as done."""

    name = "drain"
    measures = "one-step missions (or jobs) drained by two worker processes, per second"
    rounds = (5, 2)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """The floor, opsloop and every peer."""
        return [
            Entrant(system) for system in ("floor_rows", "floor_batched", "floor_kept", "opsloop", *NAMES)
        ]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Enqueue, drain, verify."""
        system = entrant.system
        jobs = bench.size(*_JOBS[system])
        if system in ("floor_rows", "floor_batched"):
            batch = 1 if system == "floor_rows" else 100
            with bench.stage.database("drain") as dsn:
                return [Figure("rate", floor_rate(dsn, jobs, batch), "jobs/s", {"n": jobs, "batch": batch})]
        if system in ("floor_kept", "opsloop"):
            with bench.stage.database("drain", engine.TEMPLATE) as dsn:
                engine.propose(dsn, [engine.NOOP] * jobs)
                engine.settle(dsn)
                if system == "floor_kept":
                    work_off_kept(dsn, _KEPT_BATCH)
                else:
                    fleet.drain(dsn, WORKERS, "--no-heartbeat")
                return [Figure("rate", jobs / engine.seconds_of_work(dsn, jobs, jobs), "jobs/s", {"n": jobs})]
        with bench.stage.database("drain") as dsn:
            bench.peers.run(system, "setup", dsn)
            said = bench.peers.run(system, "drain", dsn, n=jobs, workers=WORKERS)
            return [Figure("rate", rate_of(said, jobs), "jobs/s", said)]
