create or replace function _tick_text(p_tick timestamptz)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- A tick as keys and data have it: in UTC, with microseconds where it has some.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return to_char(p_tick at time zone 'UTC', case when date_trunc('second', p_tick, 'UTC') = p_tick
                                                 then 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
                                                 else 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' end);
end;
$$;
