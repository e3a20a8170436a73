create or replace function _unpark_steps(p_step_ids uuid[], p_listen boolean default false)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Removes what these steps waited for, or listened for, whatever it was; a mission that one of them waited for alone is
-- cancelled by the next heartbeat; a step that was not parked stays as it is.
-- p_listen: they go on to listen. The caller holds their locks, or those of their missions, and gives them their next
-- status.
-- Locks: ops_parked_steps. Writes: ops_parked_steps, ops_event_waits, ops_child_missions. Raises: nothing.
begin
  delete from ops_parked_steps p where p.step_id = any (p_step_ids);
  if not p_listen then
    delete from ops_event_waits w where w.step_id = any (p_step_ids);
    update ops_child_missions c set abandoned = true where c.step_id = any (p_step_ids);
  end if;
end;
$$;
