create or replace function _node()
returns integer
language sql
immutable
parallel safe
as $$
  -- The number of this loop in its fleet, which the ids that it makes end with: 0 for a loop by itself. A constant, so
  -- that planning leaves nothing of it (Plans 6): _set_node() writes this routine anew, and so does each load of the
  -- code (loader/code_end.sql), from ops_control, where the number is kept.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select 0;
$$;
