create or replace function fn_set_schedule(
  p_name text,
  p_schedule jsonb,
  p_actor text default null,
  p_reason text default null
)
returns table (name text, changed boolean, next_at timestamptz)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Makes a schedule, or puts another one in its place: fields that are left out have their default. The login
-- becomes one of its proposers, and may not decide on what comes of it.
-- Locks: the schedule. Writes: ops_schedules, ops_schedule_ticks, ops_audit_log. Raises: OP024 with every fault, OP031,
-- OP045 for what is too large.
declare
  v_faults constant text[] := _schedule_faults(p_name, p_schedule);
  v_changed boolean;
begin
  if v_faults <> '{}' then
    perform _refuse_schedule(v_faults);
  end if;
  v_changed := _set_schedule(p_name, p_schedule, p_actor, p_reason, false);
  return query select s.name, v_changed, s.next_at from ops_schedules s where s.name = p_name;
end;
$$;
comment on function fn_set_schedule(text, jsonb, text, text) is
  'Makes a schedule or replaces it, as p_actor (default: the login): {"cron" or "every_seconds", "timezone", '
  '"event_type" and "data" or "template", "source", "overlap", "catch_up", "max_backlog", "enabled", "starts_at", '
  '"ends_at"}. Returns whether that changed something, and the next tick. OPS_024 names every fault, OPS_045 what is '
  'too large.';
