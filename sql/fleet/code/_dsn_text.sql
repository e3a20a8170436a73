create or replace function _dsn_text(p_text text)
returns text
language sql
immutable
strict
set search_path from current
as $$
-- A value as libpq's connection strings quote it.
-- Locks: none. Writes: nothing. Raises: nothing.
  select concat('''', replace(replace(p_text, E'\\', E'\\\\'), '''', E'\\'''), '''')
$$;
