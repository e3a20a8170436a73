create or replace function _like_pattern(p_glob text)
returns text
language sql
immutable
parallel safe
as $$
  -- A glob as a LIKE pattern: only * is special and stands for any characters. Plans 6.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
           p_glob, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_'), '*', '%');
$$;
