"""The floor: what bare statements reach, on one bare table that keeps a status, and on opsloop's own rows."""

from __future__ import annotations

import time
from threading import Barrier, BrokenBarrierError, Thread

import psycopg

from harness import engine

_SESSIONS = 4
_CLAIM = """
  with c as (select ctid from public.floor where status = 0 order by id limit %s for update skip locked)
  update public.floor set status = 1 where ctid = any(array(select ctid from c)) returning id"""
_FINISH = "update public.floor set status = 2 where id = any(%s)"


# What a claim and a completion write for missions of one step each, without anything that they check: no policy, no
# pauses, no tokens, no dependencies.
_CLAIM_KEPT = """
  with taken as (
    delete from ops_ready where ctid = any(array(
      select r.ctid from ops_ready r where r.lane > 3 order by r.lane, r.seq limit %s for update skip locked))
    returning id
  ), claimed as (
    update ops_mission_steps s
       set status = 'running', attempt = 1, worker_id = 'floor', lease_token = gen_random_uuid(), lease_epoch = 1,
           reserved_at = now(), deadline_at = now() + interval '1 minute', max_retries = 3,
           lease_expires_at = now() + interval '30 seconds', updated_at = now()
      from taken t
     where s.id = t.id
    returning s.id, s.mission_id
  ), started as (
    update ops_missions m set status = 'running', started_at = now(), updated_at = now()
      from claimed c
     where m.id = c.mission_id
  )
  select id from claimed"""
_FINISH_KEPT = """
  with done as (
    update ops_mission_steps s set status = 'succeeded', result = '{}', lease_expires_at = null, updated_at = now()
     where s.id = any(%s)
    returning s.*
  ), run as (
    insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at)
    select _uuid_v7(), d.lease_token, d.id, d.executor, d.worker_id, d.attempt, 'succeeded', d.reserved_at, now()
      from done d
  ), finished as (
    update ops_missions m set steps_open = 0, status = 'succeeded', completed_at = now(), updated_at = now()
      from done d
     where m.id = d.mission_id
    returning m.*
  )
  insert into ops_agent_events (id, type, data, mission_id, depth, processed_at, created_at)
  select _uuid_v7(), 'step:noop:succeeded',
         jsonb_build_object('step_id', d.id, 'mission_id', d.mission_id, 'key', d.key, 'kind', d.kind,
                            'executor', d.executor, 'attempt', d.attempt, 'result', d.result),
         d.mission_id, 1, now(), now()
    from done d
  union all
  select _uuid_v7(), 'mission:succeeded',
         jsonb_build_object('mission_id', f.id, 'title', f.title, 'proposal_id', f.proposal_id,
                            'steps_total', f.steps_total),
         f.id, 1, now(), now()
    from finished f"""


def floor_rate(dsn: str, rows: int, batch: int) -> float:
    """Rows of a bare table per second: claim `batch` in a statement, finish them in another."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("create table floor (id bigint primary key, status smallint not null)")
        conn.execute("create index on floor (id) where status = 0")
        conn.execute("insert into floor select i, 0 from generate_series(1, %s) i", (rows,))
        conn.execute("vacuum analyze floor")
    took = _seconds(dsn, _CLAIM, _FINISH, batch)
    with psycopg.connect(dsn, autocommit=True) as conn:
        if (left := conn.execute("select count(*) from floor where status <> 2").fetchone()) != (0,):
            raise AssertionError(f"not everything was done: {left}")
    return rows / took


def work_off_kept(dsn: str, batch: int) -> None:
    """Work off the one-step missions that wait in opsloop's tables, all rows written as opsloop writes them."""
    _seconds(dsn, _CLAIM_KEPT, _FINISH_KEPT, batch)


def _seconds(dsn: str, claim: str, finish: str, batch: int) -> float:
    """How long four connections need until a claim brings nothing any more."""
    ready = Barrier(_SESSIONS + 1)
    sessions = [Thread(target=_session, args=(dsn, ready, claim, finish, batch)) for _ in range(_SESSIONS)]
    for session in sessions:
        session.start()
    ready.wait(60)
    began = time.monotonic()
    for session in sessions:
        session.join()
    return time.monotonic() - began


def _session(dsn: str, ready: Barrier, claim: str, finish: str, batch: int) -> None:
    try:
        with engine.connect(dsn) as conn:
            ready.wait(60)
            while rows := conn.execute(claim, (batch,)).fetchall():
                conn.execute(finish, ([row[0] for row in rows],))
    except BrokenBarrierError:
        pass
    except psycopg.Error:
        ready.abort()
        raise
