create or replace function _assert_in_group(p_login text, p_role text)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Refuses a login that does not exist, or may not itself all that a group of this loop may: it must be a member of the
-- group or of one whose rights include those of the group, or a superuser.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  if not exists (select
                   from pg_roles l
                   join pg_roles g on pg_has_role(l.oid, g.oid, 'member')
                  where l.rolname = p_login
                    and g.rolname in (select _role_name(e)
                                        from unnest(coalesce(_including_roles(p_role), array['admin'])) e)) then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not do what the group %s may', quote_literal(p_login),
                       _role_name(p_role)),
      detail = jsonb_build_object('login', p_login, 'role', p_role)::text,
      hint = format('Whoever may make roles: create role %I; where it is missing; then: grant %I to %I;', p_login,
                    _role_name(p_role), p_login);
  end if;
end;
$$;
