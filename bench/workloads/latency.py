"""How long it takes until the handler of a step starts, on a worker that has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import psycopg

from harness import engine, fleet
from harness.figures import Entrant, Figure, percentile
from harness.workload import Bench, Fresh
from opsloop import Client
from peers import NAMES

_TEMPLATE = {"title": "bench", "steps": [{"kind": "stamp"}]}
_WARM_UP = 5
_ASLEEP = 0.05
_IDLE = "select from ops_workers where idle and stopped_at is null"
_DONE = "select s.result from ops_mission_steps s where s.mission_id = %s and s.status = 'succeeded'"


class Latency(Fresh):
    """Milliseconds from just before the call that enqueues to the start of the handler, by the machine's clock."""

    name = "latency"
    measures = "milliseconds from enqueueing to the start of the handler, one idle worker process"
    rounds = (3, 1)
    higher_is_better = False

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop and every peer."""
        return [Entrant(system) for system in ("opsloop", *NAMES)]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Enqueue one, wait until all is quiet again, and so on."""
        number = bench.size(100, 20)
        if entrant.system == "opsloop":
            with bench.stage.database("latency", engine.TEMPLATE) as dsn:
                times = _latencies(dsn, number)
        else:
            with bench.stage.database("latency") as dsn:
                bench.peers.run(entrant.system, "setup", dsn)
                times = [float(ms) for ms in bench.peers.run(entrant.system, "latency", dsn, n=number)["ms"]]
        if len(times) != number:
            raise AssertionError(f"{len(times)} of {number} pick-ups were timed")
        return [
            Figure(f"p{share}", percentile(times, share / 100), "ms", {"n": number}) for share in (50, 95, 99)
        ]


def _latencies(dsn: str, number: int) -> list[float]:
    with fleet.idle_workers(dsn, 1, "--app", "workloads.stamp") as running, engine.connect(dsn) as conn:
        return [_one(conn, running) for _ in range(number + _WARM_UP)][_WARM_UP:]


def _one(conn: psycopg.Connection[Any], running: Sequence[fleet.Worker]) -> float:
    fleet.until("the worker is idle", lambda: conn.execute(_IDLE).fetchone() is not None, running, 0.01)
    time.sleep(_ASLEEP)  # it polls until all transactions of before have ended; then it really sleeps
    began = time.time()
    mission = Client(conn).create_proposal(_TEMPLATE).mission_id
    rows: list[tuple[dict[str, float]]] = []

    def done() -> bool:
        rows[:] = conn.execute(_DONE, (mission,)).fetchall()
        return bool(rows)

    time.sleep(_ASLEEP)  # looking for the end would disturb the beginning
    fleet.until("the step is done", done, running, 0.01)
    return (rows[0][0]["at"] - began) * 1000
