create or replace function _server_dsn(p_server text)
returns text
language sql
stable
set search_path from current
as $$
-- The connection string of a node for the login that called: as whom it connects is never the caller's to say, and
-- never the owner of this routine. A node whose machine is gone is given up after three seconds.
-- Locks: none. Writes: nothing. Raises: nothing.
  select concat_ws(' ', 'tcp_user_timeout=3000 keepalives_idle=5 keepalives_interval=2 keepalives_count=2', n.dsn,
                   'user=' || _dsn_text(session_user::text), 'password=' || _dsn_text(l.password))
    from fleet_nodes n
    left join fleet_logins l on l.login = session_user
   where n.node = substr(p_server, 14)::integer
$$;
