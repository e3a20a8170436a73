create or replace function _assert_login_may(p_routine regprocedure)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Raises unless the login, or a role that it is a member of, may execute p_routine. The login is judged, not the
-- current user: inside a security definer routine of another owner the current user is that owner, and every login that
-- may call such a routine, an agent's too, could decide by it.
-- Locks: none. Writes: nothing. Raises: OP015.
declare
  v_role constant text := _acting_role();
begin
  if not exists (select from pg_roles r
                  where pg_has_role(v_role, r.oid, 'member')
                    and has_function_privilege(r.oid, p_routine, 'execute')) then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not call %s, also not through another routine', _acting_login(),
                       p_routine::regproc),
      detail = jsonb_build_object('login', _acting_login(), 'current_user', current_user)::text,
      hint = 'Log in as a member of a role that may: docs/roles.md.';
  end if;
end;
$$;
