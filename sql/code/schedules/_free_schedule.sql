create or replace function _free_schedule(p_name text)
returns ops_schedules
language plpgsql
set search_path from current
as $$
-- The row of a schedule, locked; null when another transaction has locked it, and when it is gone, disabled or paused.
-- That is looked at under the lock: a pause takes it too.
-- Locks: the schedule, SKIP LOCKED. Writes: nothing. Raises: nothing.
declare
  v_schedule ops_schedules;
begin
  select s.* into v_schedule from ops_schedules s where s.name = p_name and s.enabled for update skip locked;
  if exists (select from ops_pauses p where p.scope = 'schedule' and p.target = p_name) then
    return null;
  end if;
  return v_schedule;
end;
$$;
