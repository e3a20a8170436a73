"""Enqueueing without a worker: one job in each transaction, and as many at once as is best for the system."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier

from harness import engine
from harness.figures import Entrant, Figure
from harness.workload import Bench, Fresh
from opsloop import Client
from peers import NAMES, rate_of

#: Jobs of a full and of a quick run, for both modes: some seconds of work where there are so many in a second.
_SINGLE = (2_000, 400)
_BULK = {"dbos": (5_000, 1_000), "absurd": (20_000, 5_000), "procrastinate": (50_000, 10_000)}
_BULK_OTHERS = (150_000, 10_000)
_SESSIONS = 2
_PATIENCE = 300.0


class Enqueue(Fresh):
    """Jobs per second, through one connection one per transaction, and in bulk through two at most."""

    name = "enqueue"
    measures = "missions (or jobs) enqueued per second: one per transaction, and in bulk"
    rounds = (3, 1)

    def entrants(self, quick: bool = False) -> Sequence[Entrant]:
        """Opsloop and every peer, in both modes."""
        return [Entrant(system, mode) for mode in ("single", "bulk") for system in ("opsloop", *NAMES)]

    def turn(self, bench: Bench, entrant: Entrant) -> list[Figure]:
        """Enqueue and count."""
        system, mode = entrant.system, entrant.variant
        jobs = bench.size(*(_SINGLE if mode == "single" else _BULK.get(system, _BULK_OTHERS)))
        if system == "opsloop":
            with bench.stage.database("enqueue", engine.TEMPLATE) as dsn:
                seconds = _single(dsn, jobs) if mode == "single" else _bulk(dsn, jobs)
                _verify(dsn, jobs)
            details = (
                {"n": jobs} if mode == "single" else {"n": jobs, "batch": engine.BATCH, "sessions": _SESSIONS}
            )
            return [Figure("rate", jobs / seconds, "jobs/s", details)]
        with bench.stage.database("enqueue") as dsn:
            bench.peers.run(system, "setup", dsn)
            said = bench.peers.run(system, "enqueue", dsn, n=jobs, mode=mode)
            return [Figure("rate", rate_of({"done": said.get("n"), **said}, jobs), "jobs/s", said)]


def _single(dsn: str, jobs: int) -> float:
    with engine.connect(dsn) as conn:
        client = Client(conn)
        client.create_proposal(engine.NOOP)  # the first call of a session reads the functions
        began = time.perf_counter()
        for _ in range(jobs - 1):
            client.create_proposal(engine.NOOP)
        return (time.perf_counter() - began) * jobs / (jobs - 1)


def _bulk(dsn: str, jobs: int) -> float:
    """Processes that have connected and made their first call begin together, as those of the peers do."""
    spawn = multiprocessing.get_context("spawn")
    together = spawn.Barrier(_SESSIONS + 1, timeout=_PATIENCE)
    shares = [jobs // _SESSIONS + (number < jobs % _SESSIONS) for number in range(_SESSIONS)]
    processes = [spawn.Process(target=_enqueue, args=(dsn, share, together)) for share in shares]
    for process in processes:
        process.start()
    try:
        together.wait()
        began = time.perf_counter()
        together.wait()
        return (time.perf_counter() - began) * jobs / (jobs - _SESSIONS)
    finally:
        for process in processes:
            process.join()


def _enqueue(dsn: str, share: int, together: Barrier) -> None:
    try:
        with engine.connect(dsn) as conn:
            client = Client(conn)
            engine.propose_batch(client, [engine.NOOP])  # the first call of a session reads the functions
            together.wait()
            for first in range(1, share, engine.BATCH):
                engine.propose_batch(client, [engine.NOOP] * min(engine.BATCH, share - first))
            together.wait()
    except BaseException:
        together.abort()  # nobody waits for one that has failed
        raise


def _verify(dsn: str, jobs: int) -> None:
    with engine.connect(dsn) as conn:
        found = conn.execute(
            "select count(*), count(distinct s.mission_id) from ops_missions m "
            "join ops_mission_steps s on s.mission_id = m.id where s.status = 'queued'"
        ).fetchone()
    if found != (jobs, jobs):
        raise AssertionError(f"{found} of {jobs} missions are queued")
