create or replace function _switch_schedule(p_name text, p_enabled boolean, p_actor text, p_reason text)
returns boolean
language plpgsql
set search_path from current
as $$
-- Enables or disables a schedule; false when it was so before. Enabling counts ticks from now on, also where the clock
-- was set back and seen_until lies ahead.
-- Locks: the schedule. Writes: ops_schedules, ops_schedule_ticks, ops_audit_log. Raises: OP025, OP031.
declare
  v_now constant timestamptz := _now();
  v_schedule constant ops_schedules := _lock_schedule(p_name);
begin
  if v_schedule.enabled = p_enabled then
    return false;
  end if;
  update ops_schedules s
     set enabled = p_enabled, updated_at = v_now, failures = 0, seen_until = v_now,
         proposers = array(select distinct l from unnest(s.proposers || _acting_login()) l order by l),
         next_at = case when p_enabled then (_ticks(v_schedule, v_now, null, 1))[1] end
   where s.name = p_name;
  if not p_enabled then
    perform _drop_queued_ticks(p_name, 'the schedule was disabled');
  end if;
  perform _audit(case when p_enabled then 'enable_schedule' else 'disable_schedule' end, 'schedule', p_name, p_actor,
                 p_reason);
  perform _wake_sleepers();
  return true;
end;
$$;
