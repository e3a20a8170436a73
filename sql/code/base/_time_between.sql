create or replace function _time_between(p_from timestamptz, p_to timestamptz)
returns interval
language plpgsql
immutable
set search_path from current
as $$
-- The time between two moments. One that was written by hand, infinity included, counts as the nearest of the years 1
-- to 9999: PostgreSQL before version 17 refuses to subtract infinity.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_first constant timestamptz := timestamptz '0001-01-01 00:00+00';
  c_last constant timestamptz := timestamptz '9999-12-31 00:00+00';
begin
  return case when p_to is not null then least(greatest(p_to, c_first), c_last) end
         - case when p_from is not null then least(greatest(p_from, c_first), c_last) end;
end;
$$;
