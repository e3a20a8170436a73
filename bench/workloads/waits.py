"""What steps that wait cost: a heartbeat beside 100,000 of them, and claims while one event frees 10,000."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness import engine, fleet
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh
from opsloop import Client

_WORKERS = 2
_BEATS = 200
_DAY = 86_400
_SLEEPS: dict[str, Any] = {"title": "sleeps", "steps": [{"kind": "wait", "params": {"seconds": _DAY}}]}
_LISTENS: dict[str, Any] = {
    "title": "listens",
    "steps": [{"kind": "wait", "params": {"event": "bench:never"}}],
}
_FREED: dict[str, Any] = {"title": "freed", "steps": [{"kind": "wait", "params": {"event": "bench:go"}}]}
_DONE = "select count(*) from ops_action_runs where executor = 'noop'"
_RATE = """
  select count(*), extract(epoch from max(completed_at) - min(started_at)) from ops_action_runs
   where executor = 'noop' and status = 'succeeded'"""
_ENDED = """
  select count(*), extract(epoch from max(r.completed_at) - min(e.created_at))
    from ops_action_runs r, ops_agent_events e
   where r.executor = 'wait' and r.status = 'succeeded' and e.type = 'bench:go'"""


class Waits(Fresh):
    """Milliseconds of an idle heartbeat; steps per second of one-step missions, while an event frees steps or not."""

    name = "waits"
    measures = "a heartbeat, and a drain by two workers, with 100,000 steps that wait and with none"
    rounds = (5, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop with nothing that waits, and with a lot."""
        return [Entrant("opsloop", "none"), Entrant("opsloop", "waiting")]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Beat, then drain; the event comes when the drain has begun."""
        waiting = entrant.variant == "waiting"
        each, freed = bench.size(50_000, 5_000), bench.size(10_000, 2_000)
        missions = bench.size(40_000, 8_000)
        with bench.stage.database("waits", engine.TEMPLATE) as dsn:
            if waiting:
                engine.propose(dsn, [_SLEEPS, _LISTENS] * each)
                engine.propose(dsn, [_FREED] * freed)
            engine.settle(dsn)
            with engine.connect(dsn) as conn:
                beats = [_beat(Client(conn)) for _ in range(_BEATS)]
            engine.propose(dsn, [engine.NOOP] * missions)
            with (
                beating(dsn),
                fleet.workers(dsn, _WORKERS, "--drain", "--no-heartbeat") as running,
                engine.connect(dsn) as conn,
            ):
                fleet.until("work has begun", lambda: engine.number(conn, _DONE) > 0, running)
                if waiting:
                    Client(conn).emit_event("bench:go")
                for worker in running:
                    worker.wait()
                if waiting:
                    fleet.until("all are free", lambda: conn.execute(_ENDED).fetchone()[:1] == (freed,))  # type: ignore[index]
                done, seconds = conn.execute(_RATE).fetchone() or (0, 0)
                ended, took = conn.execute(_ENDED).fetchone() or (0, 0)
                broken = Client(conn).check_invariants(limit=1_000)
        if done != missions or ended != (freed if waiting else 0) or broken:
            raise AssertionError(
                f"{done} of {missions} steps done, {ended} of {freed} freed, broken: {broken}"
            )
        figures = [
            Figure("heartbeat", statistics.median(beats) * 1000, "ms", {"n": _BEATS}),
            Figure("rate", missions / float(seconds), "steps/s", {"n": missions}),
        ]
        return figures + ([Figure("freed", float(took), "s", {"n": freed})] if waiting else [])


def _beat(client: Client) -> float:
    began = time.perf_counter()
    turn = client.heartbeat()
    if not turn["ok"]:
        raise AssertionError(turn)
    return time.perf_counter() - began


@contextmanager
def beating(dsn: str) -> Iterator[None]:
    """A heartbeat a second while the block runs, as workers beat."""
    over = threading.Event()

    def beat() -> None:
        with engine.connect(dsn) as conn:
            while not over.wait(1):
                _beat(Client(conn))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
