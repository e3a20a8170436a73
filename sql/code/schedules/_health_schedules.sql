create or replace function _health_schedules()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
as $$
-- For fn_check_health and fn_metrics: schedules that fail.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select 'opsloop_schedules_failing', f.failures::numeric, coalesce(f.found, 'none') from _schedules_failing() f;
end;
$$;
