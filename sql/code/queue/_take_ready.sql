create or replace function _take_ready(p_lane integer, p_limit integer, p_front bigint)
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Takes up to p_limit ids from the front of a lane (_lane_fronts) on, oldest first, for the caller's transaction: after
-- a rollback they are ready again. Never waits: rows that another session is taking are skipped.
-- Locks: the rows taken, FOR UPDATE SKIP LOCKED. Writes: ops_ready. Raises: nothing.
declare
  -- SKIP LOCKED asks the lock manager twice about each row that another session has locked. Beside 64 sessions that
  -- take 400 rows each, that is most of the work. So rows are skipped by their xmax first: those that are locked by a
  -- transaction that the snapshot sees open, or that began after it. If that one has ended since, the next call finds
  -- the row. (Younger transactions have a lower age; xmax 0, of a row that was never locked, has the highest.)
  v_snapshot pg_snapshot := pg_current_snapshot();
  v_open xid[] := array(select x::xid from pg_snapshot_xip(v_snapshot) x);
  v_unseen integer := age(pg_snapshot_xmax(v_snapshot)::xid);
  v_ids uuid[];
begin
  with taken as (
    delete from ops_ready
     where ctid = any (array(
       select r.ctid from ops_ready r
        where r.lane = p_lane and r.seq >= p_front and age(r.xmax) > v_unseen and r.xmax <> all (v_open)
        order by r.seq
        limit p_limit
          for update skip locked))
    returning seq, id
  )
  select coalesce(array_agg(t.id order by t.seq), '{}') into v_ids from taken t;
  return v_ids;
end;
$$;
