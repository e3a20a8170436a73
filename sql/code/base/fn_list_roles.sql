create or replace function fn_list_roles()
returns table (role text, name text, status text, remedy text, missing text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The five group roles of this loop and whether they work. remedy: the SQL that mends a role; it takes a login with the
-- right to create or alter roles. missing: the rights that a role lacks.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select n.role, _role_name(n.role), s.status,
         case s.status
           when 'missing' then format('create role %I nologin;', _role_name(n.role))
           when 'a login' then format('alter role %I nologin;', _role_name(n.role))
         end, m.missing
    from unnest(array['reader', 'producer', 'worker', 'operator', 'admin']) with ordinality n (role, ord)
    left join pg_roles r on r.rolname = _role_name(n.role)
   cross join lateral (select case when not r.rolcanlogin then _missing_rights(r.oid) end) m (missing)
   cross join lateral (select case when r.oid is null then 'missing'
                                   when r.rolcanlogin then 'a login'
                                   when m.missing is not null
                                        then 'without rights'
                                   else 'ready' end) s (status)
   order by n.ord;
end;
$$;
comment on function fn_list_roles() is
  'The five group roles of this loop, each ready, missing, without rights (apply grants again) or a login (a role of '
  'that name that can log in is no group, and is granted nothing), with the SQL that mends it, '
  'and the rights that a role lacks.';
