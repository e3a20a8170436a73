create or replace function _may_speak_for_others()
returns boolean
language plpgsql
stable
set search_path from current
as $$
-- Whether the login of the session is a server's: a member of the owner of the schema, or of the group <schema>_server.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return pg_has_role(session_user, (select n.nspowner from pg_namespace n where n.nspname = current_schema()),
                     'member')
      or exists (select from pg_roles r
                  where r.rolname = _role_name('server') and pg_has_role(session_user, r.oid, 'member'));
end;
$$;
