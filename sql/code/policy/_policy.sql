create or replace function _policy(p_key text)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The policy document in force, or an empty one where there is none: no document allows nothing beyond the defaults.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce((select p.value from ops_policy p where p.key = p_key), '{}');
end;
$$;
