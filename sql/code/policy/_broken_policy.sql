create or replace function _broken_policy()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Policy documents whose history has a hole, or does not end with the version in force.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '11 history has no hole', 'policy ' || h.key,
    format('%s versions, from %s to %s', count(*), min(h.version), max(h.version))
    from ops_policy_history h
   group by h.key
  having min(h.version) <> 1 or max(h.version) <> count(*)
  union all
  select '11 history has no hole', 'policy ' || y.key,
    format('version %s in force is not the last of its history', y.version)
    from ops_policy y
    left join ops_policy_history h on h.key = y.key and h.version = y.version
   where h.value is distinct from y.value
      or exists (select from ops_policy_history n where n.key = y.key and n.version > y.version);
end;
$$;
