create or replace function _delete_schedule(p_name text, p_actor text, p_reason text)
returns void
language plpgsql
set search_path from current
as $$
-- Deletes a schedule.
-- Locks: the schedule. Writes: ops_schedules, ops_schedule_ticks, ops_audit_log. Raises: OP025, OP031.
declare
  v_schedule constant ops_schedules := _lock_schedule(p_name);
begin
  delete from ops_schedule_ticks t where t.schedule = p_name;
  delete from ops_schedules s where s.name = p_name;
  perform _audit('delete_schedule', 'schedule', p_name, p_actor, p_reason,
                 to_jsonb(v_schedule));
end;
$$;
