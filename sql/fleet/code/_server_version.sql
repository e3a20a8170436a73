create or replace function _server_version(p_server text)
returns integer
language sql
stable
set search_path from current
as $$
-- PL/Proxy asks at each call: another number, and it connects anew. The login is part of it, as a superuser may change
-- it within a session.
-- Locks: none. Writes: nothing. Raises: nothing.
  select n.version # hashtext(session_user::text) from fleet_nodes n where n.node = substr(p_server, 14)::integer
$$;
