create or replace function _unqueue_steps(p_mission_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
as $$
-- Takes what was cancelled out of the queue and out of the inbox, so that it never lies in front of work that can run, and that a step set to
-- queued by hand later is seen to be missing there. A row that a claim is just taking is left to the claim, which drops it.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready, ops_waiting_steps. Raises: nothing.
begin
  delete from ops_ready
   where ctid = any (array(
     select r.ctid
       from ops_mission_steps s
       join ops_ready r on r.lane = s.lane and r.seq = s.ready_seq and r.id = s.id
      where s.mission_id = any (p_mission_ids) and s.status = 'cancelled'
        for update of r skip locked));
  delete from ops_waiting_steps w
   using ops_mission_steps s
   where s.mission_id = any (p_mission_ids) and w.step_id = s.id and s.status = 'cancelled';
end;
$$;
