"""How long it takes from the commit of a step to the start of its handler, on a worker that has nothing to do."""

from __future__ import annotations

import time

from stage import Stage, connect, worker

from opsloop.client import Client

_TEMPLATE = {"title": "bench", "steps": [{"kind": "stamp"}]}
_PATIENCE = 30.0
_WARM_UP = 5


def latencies(stage: Stage, number: int) -> list[float]:
    """Milliseconds of `number` pick-ups, one at a time, each begun when the worker has gone back to sleep.

    Counted from before the commit is sent: its own time is part of what is measured. One machine, one clock.
    """
    with stage.database("bench_latency") as dsn:
        process = worker(dsn, "--app", "stamp")
        try:
            with connect(dsn) as conn:
                return [_one(conn) for _ in range(number + _WARM_UP)][_WARM_UP:]
        finally:
            process.terminate()
            process.wait(60)


def _one(conn) -> float:  # type: ignore[no-untyped-def]
    _until(conn, "select true from ops_workers where idle and stopped_at is null")
    time.sleep(0.02)  # the worker polls until all transactions of before have ended; then it really sleeps
    with conn.transaction():
        mission = Client(conn).create_proposal(_TEMPLATE).mission_id
        began = time.time()
    _until(conn, "select true from ops_missions where id = %s and status = 'succeeded'", mission)
    row = conn.execute("select result from ops_mission_steps where mission_id = %s", (mission,)).fetchone()
    return float((row[0]["at"] - began) * 1000)


def _until(conn, query: str, *args: object) -> None:  # type: ignore[no-untyped-def]
    ends = time.monotonic() + _PATIENCE
    while conn.execute(query, args).fetchone() is None:
        if time.monotonic() > ends:
            raise AssertionError(f"not within {_PATIENCE} s: {query}")
        time.sleep(0.002)
