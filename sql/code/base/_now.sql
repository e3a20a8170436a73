create or replace function _now() returns timestamptz
language plpgsql
volatile
set search_path from current
as $$
-- The one clock of the loop. Tests may replace this routine in a throwaway database; no setting moves it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return clock_timestamp();
end;
$$;
