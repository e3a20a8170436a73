"""The floor: what bare statements on one bare table reach. Nothing is kept but a status."""

from __future__ import annotations

import time
from threading import Barrier, BrokenBarrierError, Thread

import psycopg

_SESSIONS = 4
_CLAIM = """
  with c as (select ctid from floor where status = 0 order by id limit %s for update skip locked)
  update floor set status = 1 where ctid = any(array(select ctid from c)) returning id"""
_FINISH = "update floor set status = 2 where id = any(%s)"


def floor_rate(dsn: str, rows: int, batch: int) -> float:
    """Rows per second through four connections: claim `batch` in a statement, finish them in another."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create table floor (id bigint primary key, status smallint not null)")
        conn.execute("create index on floor (id) where status = 0")
        conn.execute("insert into floor select i, 0 from generate_series(1, %s) i", (rows,))
        conn.execute("vacuum analyze floor")
    ready = Barrier(_SESSIONS + 1)
    sessions = [Thread(target=_session, args=(dsn, ready, batch)) for _ in range(_SESSIONS)]
    for session in sessions:
        session.start()
    ready.wait(60)
    began = time.monotonic()
    for session in sessions:
        session.join()
    took = time.monotonic() - began
    with psycopg.connect(dsn, autocommit=True) as conn:
        if (left := conn.execute("select count(*) from floor where status <> 2").fetchone()) != (0,):
            raise AssertionError(f"not everything was done: {left}")
    return rows / took


def _session(dsn: str, ready: Barrier, batch: int) -> None:
    try:
        with psycopg.connect(dsn, autocommit=True) as conn:
            ready.wait(60)
            while rows := conn.execute(_CLAIM, (batch,)).fetchall():
                conn.execute(_FINISH, ([row[0] for row in rows],))
    except BrokenBarrierError:
        pass
    except psycopg.Error:
        ready.abort()
        raise
