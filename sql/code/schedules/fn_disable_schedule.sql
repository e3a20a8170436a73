create or replace function fn_disable_schedule(
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
-- Disables a schedule: it does not tick, and its ticks that wait are skipped. True when that changed something.
-- Locks: the schedule. Writes: ops_schedules, ops_schedule_ticks, ops_audit_log. Raises: OP025, OP031.
begin
  return _switch_schedule(p_name, false, p_actor, p_reason);
end;
$$;
comment on function fn_disable_schedule(text, text, text) is
  'Disables a schedule, as p_actor (default: the login): it does not tick, and ticks that wait are skipped. True '
  'when it was enabled. OPS_025 for an unknown one.';
