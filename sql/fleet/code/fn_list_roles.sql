create or replace function fn_list_roles()
returns table (role text, name text, status text, remedy text, missing text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The five group roles on the front: they have the names that they have on the nodes.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select n.role, _role_name(n.role), case when r.oid is null then 'missing' else 'ready' end,
         case when r.oid is null then format('create role %I nologin;', _role_name(n.role)) end, null::text
    from unnest(array['reader', 'producer', 'worker', 'operator', 'admin']) with ordinality n (role, ord)
    left join pg_roles r on r.rolname = _role_name(n.role)
   order by n.ord;
end;
$$;
