create or replace function fn_delete_schedule(p_name text, p_actor text default null, p_reason text default null)
returns void
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Deletes a schedule and the records of its ticks. Their events and proposals stay, and so does a pause of that name.
-- Locks: the schedule. Writes: ops_schedules, ops_schedule_ticks, ops_audit_log. Raises: OP025, OP031.
begin
  perform _delete_schedule(p_name, p_actor, p_reason);
end;
$$;
comment on function fn_delete_schedule(text, text, text) is
  'Deletes a schedule, as p_actor (default: the login), with its ticks that wait; events and proposals of earlier ones '
  'stay. OPS_025 for an unknown one.';
