create or replace function _policy_epoch()
returns integer
language plpgsql
stable
set search_path from current
as $$
-- A number that rises with every change of any policy document (versions only rise, documents are never removed): what
-- was judged under another epoch is judged again.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce((select sum(p.version)::integer from ops_policy p), 0);
end;
$$;
