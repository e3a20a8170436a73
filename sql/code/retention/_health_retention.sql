create or replace function _health_retention()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
as $$
-- For fn_check_health and fn_metrics: rows that retention does not remove.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_state record := _retention_state();
begin
  return query
  values ('opsloop_kept_for_ever_bytes', v_state.kept_bytes, coalesce(v_state.kept, 'nothing')),
         ('opsloop_retention_troubles', v_state.troubles,
          coalesce(nullif(v_state.trouble, ''), 'nothing is left'));
end;
$$;
