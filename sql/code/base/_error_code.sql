create or replace function _error_code(p_sqlstate text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The code under which an error is kept beside its text: OPS_nnn for those of the loop, else the SQLSTATE.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_sqlstate ~ '^OP[0-9]{3}$' then 'OPS_' || right(p_sqlstate, 3) else p_sqlstate end;
end;
$$;
