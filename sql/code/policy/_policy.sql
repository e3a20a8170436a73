create or replace function _policy(p_key text)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The policy document in force, or {} where there is none: then only the defaults are allowed.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce((select p.value from ops_policy p where p.key = p_key), '{}');
end;
$$;
