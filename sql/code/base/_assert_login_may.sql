create or replace function _assert_login_may(p_routine regprocedure)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Raises unless the login itself, by a role it is a member of, may call this routine. A security definer routine of a
-- third party lends its rights to all its callers, and so could let an agent decide.
-- Locks: none. Writes: nothing. Raises: OP015.
begin
  if not exists (select from pg_roles r
                  where pg_has_role(session_user, r.oid, 'member')
                     and has_function_privilege(r.oid, p_routine, 'execute')) then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not call %s, whoever calls it for him', session_user, p_routine::regproc),
      detail = jsonb_build_object('login', session_user, 'current_user', current_user)::text,
      hint = 'Log in as a member of a role that may: docs/roles.md.';
  end if;
end;
$$;
