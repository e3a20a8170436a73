create or replace function _unqueue_steps(p_mission_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Takes cancelled steps of these missions out of ops_ready, so that they never lie in front of steps that can run, and
-- so that a step that is set to queued by hand later is found to be missing there. A row that a claim is just taking is
-- left to the claim, which drops it.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready. Raises: nothing.
begin
  delete from ops_ready
   where ctid = any (array(
     select r.ctid
       from ops_mission_steps s
      -- Plans 1; FOR UPDATE has the effect of the limit.
      cross join lateral (select t.ctid from ops_ready t where t.lane = s.lane and t.seq = s.ready_seq and t.id = s.id
                             for update skip locked) r
      where s.mission_id = any (p_mission_ids) and s.status = 'cancelled'));
end;
$$;
