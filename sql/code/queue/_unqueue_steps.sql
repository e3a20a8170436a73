create or replace function _unqueue_steps(p_mission_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Takes what was cancelled of these missions out of the queue, so that it never lies in front of work that can run, and
-- that a step set to queued by hand later is seen to be missing there. A row that a claim is just taking is left to the
-- claim, which drops it.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready. Raises: nothing.
begin
  delete from ops_ready
   where ctid = any (array(
     select r.ctid
       from ops_mission_steps s
      -- Each looked up by its key: as a plain join this could be a walk over all steps, as _enqueue_steps says.
      cross join lateral (select t.ctid from ops_ready t where t.lane = s.lane and t.seq = s.ready_seq and t.id = s.id
                             for update skip locked) r
      where s.mission_id = any (p_mission_ids) and s.status = 'cancelled'));
end;
$$;
