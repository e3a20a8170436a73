create or replace function _open_count(p_open jsonb)
returns bigint
language sql
immutable
set search_path from current
as $$
-- How much is open on a node, of what _at_open counts by kind.
-- Locks: none. Writes: nothing. Raises: nothing.
  select sum(e.value::bigint)::bigint from jsonb_each_text(p_open) e
$$;
