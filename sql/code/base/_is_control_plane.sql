create or replace function _is_control_plane()
returns boolean
language plpgsql
stable
set search_path from current
as $$
-- Whether the login may act as the owner of the schema, and so may do, and undo, anything in it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return pg_has_role(session_user, (select n.nspowner from pg_namespace n where n.nspname = current_schema()),
                     'member');
end;
$$;
