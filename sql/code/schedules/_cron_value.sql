create or replace function _cron_value(p_text text, p_names text[], p_first integer)
returns integer
language plpgsql
immutable
set search_path from current
as $$
-- A number, or the number of a name of which the first is p_first; null for neither.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_text ~ '^[0-9]+$' then p_text::integer else array_position(p_names, p_text) - 1 + p_first end;
end;
$$;
