create or replace function _fault_code(p_sqlstate text, p_message text)
returns text
language sql
immutable
set search_path from current
as $$
-- The SQLSTATE that tells a reader why a node was not reached or told: OP029 where it does not answer, else its own.
-- Locks: none. Writes: nothing. Raises: nothing.
  select case when _is_away(p_sqlstate, p_message) then 'OP029' else p_sqlstate end
$$;
