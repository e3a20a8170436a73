create or replace function _is_control_plane()
returns boolean
language plpgsql
stable
set search_path from current
as $$
-- Whether the login may act as the owner of the schema, and so may do, and undo, anything in it. A call that speaks for
-- another login (_acting_login) may where that login may, and the call has the rights of the group admin.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_login constant text := _acting_login();
begin
  return pg_has_role(v_login, (select n.nspowner from pg_namespace n where n.nspname = current_schema()), 'member')
     and _acting_role() in (v_login, _role_name('admin'));
end;
$$;
