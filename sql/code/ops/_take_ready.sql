create or replace function _take_ready(p_lane integer, p_limit integer, p_from bigint default 0)
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
as $$
-- Takes up to p_limit ids from the front of a lane, oldest first, for the caller's transaction: rolled back, they
-- are ready again. Never waits: what another session is taking is passed over. p_from: where to begin; a caller who
-- has just seen the front saves the walk over what was taken before it.
-- Locks: the rows taken, FOR UPDATE SKIP LOCKED. Writes: ops_ready. Raises: nothing.
declare
  v_ids uuid[];
begin
  with taken as (
    delete from ops_ready
     where ctid = any (array(
       select r.ctid from ops_ready r
        where r.lane = p_lane and r.seq >= p_from
        order by r.seq
        limit p_limit
          for update skip locked))
    returning seq, id
  )
  select coalesce(array_agg(t.id order by t.seq), '{}') into v_ids from taken t;
  return v_ids;
end;
$$;
