create or replace function _fire_alone(p_schedule ops_schedules, p_tick timestamptz, p_login text)
returns ops_schedule_ticks
language plpgsql
set search_path from current
as $$
-- A tick happens; one that cannot, for a fault of its data, is refused with the code, and nothing of it is left.
-- Locks: those of emitting and proposing. Writes: what a tick writes. Raises: errors not caused by the data.
declare
  v_row ops_schedule_ticks;
  v_message text;
begin
  return _fire_tick(p_schedule, p_tick, p_login);
exception when others or assert_failure then
  if not _is_data_fault(sqlstate) then
    raise;
  end if;
  get stacked diagnostics v_message = message_text;
  v_row.outcome := 'refused';
  v_row.code := _error_code(sqlstate);
  v_row.reason := _error_text(sqlstate, v_message);
  return v_row;
end;
$$;
