create or replace function fn_list_policies()
returns table (key text, version integer, value jsonb, changed_by text, updated_at timestamptz)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The policy documents in force, in one snapshot.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select p.key, p.version, p.value, p.updated_by, p.updated_at from ops_policy p order by p.key;
end;
$$;
comment on function fn_list_policies() is
  'The policy documents in force: the content of each, its version, who set it (as claimed) and when.';
