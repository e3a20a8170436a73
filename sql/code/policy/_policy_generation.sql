create or replace function _policy_generation()
returns integer
language plpgsql
stable
set search_path from current
as $$
-- A number that rises with every change of the documents that judge steps (versions only rise, and no document is
-- removed). A step that was judged under another generation is judged again.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce((select sum(p.version)::integer from ops_policy p where p.key in ('auto_approve', 'worker_policy')),
                  0);
end;
$$;
