create or replace function _chance(p_of text)
returns numeric
language plpgsql
immutable
set search_path from current
as $$
-- A number from 0 up to, but not including, 1 that depends on the text alone: chance that can be repeated and
-- explained.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return ('x' || left(md5(p_of), 8))::bit(32)::bigint / 4294967296.0;
end;
$$;
