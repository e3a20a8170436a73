create or replace function _lock_schedule(p_name text)
returns ops_schedules
language plpgsql
set search_path from current
set lock_timeout = '2s'
as $$
-- The row of a schedule, locked: a heartbeat that is just at it is waited for, two seconds at most.
-- Locks: the schedule, to the end of the transaction. Writes: nothing. Raises: OP025 when there is none, OP031.
declare
  v_schedule ops_schedules;
begin
  begin
    select s.* into v_schedule from ops_schedules s where s.name = p_name for update;
  exception when lock_not_available then
    perform _raise_held(format('schedule %s', p_name), 'ops_schedules');
  end;
  if v_schedule.name is null then
    raise exception using errcode = 'OP025',
      message = format('OPS_025: no schedule %s', coalesce(quote_literal(left(p_name, 200)), 'null')),
      detail = jsonb_build_object('schedule', left(p_name, 200))::text,
      hint = 'select name from ops_schedules; lists them.';
  end if;
  return v_schedule;
end;
$$;
