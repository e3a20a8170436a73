create or replace function _unpark_steps(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Removes what these steps waited for, whatever it was; a step that was not parked stays as it is. The caller holds
-- their locks, or those of their missions, and gives them their next status.
-- Locks: ops_parked_steps. Writes: ops_parked_steps. Raises: nothing.
begin
  delete from ops_parked_steps p where p.step_id = any (p_step_ids);
end;
$$;
