create or replace function _argument_pattern(p_glob text)
returns text
language sql
immutable
parallel safe
as $$
  -- A glob of command_allow as a LIKE pattern over an argument with its mark (_allowed_commands). Plans 6.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select case pg_catalog.left(p_glob, 1) when '-' then E'\x02' else E'\x03' end
         || pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(
              p_glob, E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_'), '*', '%');
$$;
