"""What a claim of 100 costs beside a thousand steps, and beside two million."""

from __future__ import annotations

import statistics
import time
from typing import Any

import psycopg
from stage import Stage, connect, enqueue

_CLAIM = 100
_CLAIMS = 40
_WARM_UP = 8

# The rows that as many missions of one noop step would have, written at once: two million by proposals take minutes.
_MISSIONS = """
  insert into ops_missions (id, title, status, approved_risk, auto_approved, steps_total, steps_open)
  select md5('m' || %(from)s || i)::uuid, 'bench', %(mission)s, 1, true, 1, %(open)s from generate_series(1, %(n)s) i"""
_STEPS = """
  insert into ops_mission_steps (id, mission_id, key, kind, executor, status, judged_epoch, result)
  select md5('s' || %(from)s || i)::uuid, md5('m' || %(from)s || i)::uuid, 'step_1', 'noop', 'noop', %(step)s,
         _policy_epoch(), %(result)s
    from generate_series(1, %(n)s) i"""
_READY = """
  insert into ops_ready (lane, id)
  select (select lane from ops_lanes where executor = 'noop' and priority = 0), md5('s' || %(from)s || i)::uuid
    from generate_series(1, %(n)s) i"""
_RUNS = """
  insert into ops_action_runs (id, run_id, step_id, executor, attempt, status, started_at, completed_at)
  select gen_random_uuid(), gen_random_uuid(), md5('s' || %(from)s || i)::uuid, 'noop', 1, 'succeeded', now(), now()
    from generate_series(1, %(n)s) i"""


def claim_costs(stage: Stage, many: int) -> tuple[float, float]:
    """Milliseconds that a claim of 100 takes: with 1,000 queued, and with `many` queued and `many` finished steps."""
    with stage.database("bench_few") as few_dsn, stage.database("bench_many") as many_dsn:
        enqueue(few_dsn, 1_000)
        enqueue(many_dsn, 1_000)
        with connect(few_dsn) as few, connect(many_dsn) as much:
            _fill(
                much,
                "finished",
                many,
                {"mission": "succeeded", "open": 0, "step": "succeeded", "result": "{}"},
            )
            _fill(much, "queued", many, {"mission": "approved", "open": 1, "step": "queued", "result": None})
            much.execute("vacuum analyze")
            few.execute("vacuum analyze")
            costs: tuple[list[float], list[float]] = ([], [])
            for _ in range(_CLAIMS + _WARM_UP):
                costs[0].append(_claim(few))
                costs[1].append(_claim(much))
                enqueue(few_dsn, _CLAIM)
    return statistics.median(costs[0][_WARM_UP:]), statistics.median(costs[1][_WARM_UP:])


def _fill(conn: psycopg.Connection[Any], name: str, number: int, row: dict[str, Any]) -> None:
    values = {**row, "from": name, "n": number}
    conn.execute(_MISSIONS, values)
    conn.execute(_STEPS, values)
    conn.execute(_RUNS if row["step"] == "succeeded" else _READY, values)


def _claim(conn: psycopg.Connection[Any]) -> float:
    began = time.perf_counter()
    rows = conn.execute("select * from fn_claim_steps('bench', %s, 600, array['noop'])", (_CLAIM,)).fetchall()
    took = time.perf_counter() - began
    assert len(rows) == _CLAIM, len(rows)
    return took * 1000
