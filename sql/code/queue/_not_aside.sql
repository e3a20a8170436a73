create or replace function _not_aside(p_ids uuid[])
returns uuid[]
language plpgsql
stable
set search_path from current
as $$
-- Those of these rows that were not set aside in the last ten minutes (_set_aside); null when there are none.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_aside uuid[];
begin
  if p_ids is null then
    return null;
  end if;
  select array_agg(t.id) into v_aside
    from ops_strays t
   where t.kind = 'row that cannot be changed' and t.noticed_at > _now() - interval '10 minutes'
     and t.id = any (p_ids);
  if v_aside is null then
    return p_ids;
  end if;
  return (select array_agg(n.id order by n.nth)
            from unnest(p_ids) with ordinality n (id, nth)
           where n.id not in (select a.id from unnest(v_aside) a (id)));
end;
$$;
