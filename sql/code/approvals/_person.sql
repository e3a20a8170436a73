create or replace function _person(p_actor text)
returns text
language plpgsql
stable
set search_path from current
as $$
-- The login whose decision it is: that of the session or, where the control plane speaks for a person, of that person,
-- who must be known. It may decide, and is no agent's.
-- Locks: none. Writes: nothing. Raises: OP015 may not decide, OP088 unknown person.
declare
  v_login text := _acting_login();
begin
  if p_actor <> v_login and _is_control_plane() then
    if not exists (select from pg_roles r where r.rolname = p_actor and r.rolcanlogin) then
      raise exception using errcode = 'OP088',
        message = format('OPS_088: %s is no login; nobody votes for a person who is not known', quote_literal(p_actor)),
        detail = jsonb_build_object('actor', p_actor, 'login', v_login)::text,
        hint = 'Name the login role of the person whose decision it is, or let that person connect.';
    end if;
    v_login := p_actor;
  end if;
  if not _login_may_decide(v_login) then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not decide; the votes of agents advise', v_login),
      detail = jsonb_build_object('login', v_login)::text,
      hint = 'Let a person decide who may: docs/roles.md.';
  end if;
  return v_login;
end;
$$;
