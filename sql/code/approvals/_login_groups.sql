create or replace function _login_groups(p_rules jsonb, p_login text)
returns text[]
language plpgsql
stable
set search_path from current
as $$
-- The groups of a document approval_rules that a login is in: by name, or as a member, also through other roles, of a
-- role that the group lists (reader, producer, worker, operator and admin are those of this loop). Being a superuser
-- puts nobody into a group.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if coalesce(p_rules -> 'groups', '{}') in ('{}', 'null') then
    return '{}'::text[];
  end if;
  return array(
    with recursive role as (
      select r.oid, r.rolname from pg_roles r where r.rolname = p_login
      union
      select g.oid, g.rolname
        from role r
        join pg_auth_members m on m.member = r.oid
        join pg_roles g on g.oid = m.roleid
    )
    select g.key
      from jsonb_each(p_rules -> 'groups') g
     where g.value -> 'logins' ? p_login
        or exists (select
                     from jsonb_array_elements_text(coalesce(nullif(g.value -> 'roles', 'null'), '[]')) n
                     join role r on r.rolname = case when n in ('reader', 'producer', 'worker', 'operator', 'admin')
                                                     then _role_name(n) else n end)
     order by g.key);
end;
$$;
