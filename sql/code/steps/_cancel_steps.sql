create or replace function _cancel_steps(p_mission_ids uuid[], p_reason text)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Ends what has not ended of missions that are over: what is not running is cancelled, p_reason says why, and what runs
-- is asked to stop. The caller holds the locks of the missions and of all their steps.
-- Locks: ops_ready, SKIP LOCKED; ops_parked_steps. Writes: ops_mission_steps, ops_ready, ops_parked_steps. Raises:
-- nothing.
declare
  v_now timestamptz := _now();
begin
  update ops_mission_steps s
     set status = case when s.status = 'running' then 'running' else 'cancelled' end,
         cancel_requested = s.status = 'running', run_after = null,
         wait_reason = case when s.status <> 'running' then p_reason end,
         updated_at = v_now
   where s.mission_id = any (p_mission_ids) and s.status in ('blocked', 'queued', 'waiting', 'running');
  if found then
    perform _unqueue_steps(p_mission_ids);
    perform _unpark_steps(array(select s.id from ops_mission_steps s
                                 where s.mission_id = any (p_mission_ids) and s.status = 'cancelled'));
  end if;
end;
$$;
