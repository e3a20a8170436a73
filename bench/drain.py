"""How fast steps are drained, and how fast bare rows could be: the floor."""

from __future__ import annotations

import time
from threading import Barrier, Thread

import psycopg
from stage import Stage, connect, enqueue, worker

_FLOOR_ROWS = 100_000
_FLOOR_SESSIONS = 4
_FLOOR_BATCH = 100

_FLOOR_CLAIM = """
  with c as (select ctid from floor where status = 0 order by id limit %s for update skip locked)
  update floor set status = 1 where ctid = any(array(select ctid from c)) returning id"""
_FLOOR_FINISH = "update floor set status = 2 where id = any(%s)"


def loop_rate(stage: Stage, steps: int, workers: int) -> float:
    """Steps per second that workers drain: from the first claim to the last finish, by the database's clock."""
    with stage.database("bench_loop") as dsn:
        enqueue(dsn, steps)
        processes = [worker(dsn, "--drain", "--no-heartbeat") for _ in range(workers)]
        codes = [process.wait(600) for process in processes]
        with connect(dsn) as conn:
            row = conn.execute(
                "select count(*) filter (where status = 'succeeded'), count(distinct step_id), "
                "extract(epoch from max(completed_at) - min(started_at)) from ops_action_runs"
            ).fetchone()
            finished = conn.execute("select count(*) from ops_missions where status = 'succeeded'").fetchone()
    assert row is not None
    assert finished is not None
    if codes != [0] * workers or row[:2] != (steps, steps) or finished != (steps,):
        raise AssertionError(f"not everything was done exactly once: {codes}, {row}, {finished}")
    return steps / float(row[2])


def floor_rate(stage: Stage) -> float:
    """Rows per second that bare statements move: claim 100, finish 100, nothing kept but a status."""
    with stage.database("bench_floor") as dsn:
        with connect(dsn) as conn:
            conn.execute("create table floor (id bigint primary key, status smallint not null)")
            conn.execute("create index on floor (id) where status = 0")
            conn.execute("insert into floor select i, 0 from generate_series(1, %s) i", (_FLOOR_ROWS,))
            conn.execute("vacuum analyze floor")
        ready = Barrier(_FLOOR_SESSIONS + 1)
        sessions = [Thread(target=_floor_session, args=(dsn, ready)) for _ in range(_FLOOR_SESSIONS)]
        for session in sessions:
            session.start()
        ready.wait(60)
        began = time.monotonic()
        for session in sessions:
            session.join()
        took = time.monotonic() - began
        with connect(dsn) as conn:
            assert conn.execute("select count(*) from floor where status <> 2").fetchone() == (0,)
    return _FLOOR_ROWS / took


def _floor_session(dsn: str, ready: Barrier) -> None:
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=opsloop") as conn:
        ready.wait(60)
        while rows := conn.execute(_FLOOR_CLAIM, (_FLOOR_BATCH,)).fetchall():
            conn.execute(_FLOOR_FINISH, ([row[0] for row in rows],))
