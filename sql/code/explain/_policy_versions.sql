create or replace function _policy_versions(p_keys text[])
returns text
language plpgsql
stable
set search_path from current
as $$
-- The versions of these policy documents in force, in words.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select string_agg(format('%s version %s', y.key, y.version), ', ' order by y.key)
            from ops_policy y where y.key = any (p_keys));
end;
$$;
