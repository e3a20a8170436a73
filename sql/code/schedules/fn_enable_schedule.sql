create or replace function fn_enable_schedule(
  p_name text,
  p_actor text default null,
  p_reason text default null
)
returns boolean
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Enables a schedule: ticks count from now on. True when that changed something.
-- Locks: the schedule. Writes: ops_schedules, ops_schedule_ticks, ops_audit_log. Raises: OP025, OP031.
begin
  return _switch_schedule(p_name, true, p_actor, p_reason);
end;
$$;
comment on function fn_enable_schedule(text, text, text) is
  'Enables a schedule, as p_actor (default: the login): it ticks from now on. True when it was disabled. OPS_025 for '
  'an unknown one.';
