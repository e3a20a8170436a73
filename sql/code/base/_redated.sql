create or replace function _redated(p_at timestamptz, p_written timestamptz, p_now timestamptz)
returns timestamptz
language plpgsql
immutable
set search_path from current
as $$
-- A moment that a row of p_written names, as far behind p_now as it was behind p_written, but not before p_now. Rows
-- written by hand may have moments so far apart that no timestamp is as far from p_now.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_at is not null then p_now + greatest(_time_between(p_written, p_at), interval '0') end;
end;
$$;
