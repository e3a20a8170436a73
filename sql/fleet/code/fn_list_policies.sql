create or replace function fn_list_policies()
returns table (key text, version integer, value jsonb, changed_by text, updated_at timestamptz)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The policy documents of the fleet.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select distinct on (p.key) p.key, p.version, p.value, p.changed_by, p.updated_at
    from fleet_policies p
   order by p.key, p.version desc;
end;
$$;
