create or replace function _tell_parents(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
as $$
-- Missions have ended that these steps wait for: the next heartbeat looks at them. So nobody who ends a mission waits
-- for one who holds the mission above it.
-- Locks: none. Writes: ops_timers. Raises: nothing.
begin
  if p_step_ids is not null then
    insert into ops_timers (due_at, step_ids) values (_now(), p_step_ids);
    perform _wake_sleepers();
  end if;
end;
$$;
