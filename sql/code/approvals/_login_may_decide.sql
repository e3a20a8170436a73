create or replace function _login_may_decide(p_login text)
returns boolean
language plpgsql
stable
set search_path from current
as $$
-- Whether a login may decide as a person: it is there, may approve, itself or by a role that it is a member of, and is
-- none of the logins that agent_roles lists for agents, whose votes only advise.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return exists (select
                   from pg_roles l
                   join pg_roles r on pg_has_role(l.oid, r.oid, 'member')
                  where l.rolname = p_login
                    and has_function_privilege(r.oid, 'fn_approve_proposal(uuid, text, text)'::regprocedure, 'execute'))
     and not exists (select from jsonb_each(_agent_roles(_policy('agent_roles'))) a
                      where jsonb_typeof(a.value -> 'logins') = 'array' and a.value -> 'logins' ? p_login);
end;
$$;
