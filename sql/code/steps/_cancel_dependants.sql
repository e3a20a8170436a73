create or replace function _cancel_dependants(p_mission_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Cancels the steps of these missions that need a step which has failed with on_failure isolate. They are blocked, so
-- no queue has them. The caller holds the locks of the missions and of all their steps.
-- Locks: none of its own. Writes: ops_mission_steps. Raises: nothing.
begin
  update ops_mission_steps s
     set status = 'cancelled', wait_reason = 'a step that it needs failed', updated_at = _now()
   where s.id = any (_dependants(p_mission_ids, 'failed')) and s.status = 'blocked';
end;
$$;
