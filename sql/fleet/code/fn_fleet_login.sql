create or replace function fn_fleet_login(p_login text, p_password text)
returns void
language plpgsql
security definer
set search_path from current
as $$
-- Gives the front the password with which a login connects to the nodes; null takes it away.
-- Locks: the row; rows of fleet_nodes. Writes: fleet_logins, fleet_nodes. Raises: nothing.
begin
  delete from fleet_logins l where l.login = p_login;
  insert into fleet_logins (login, password) select p_login, p_password where p_password is not null;
  update fleet_nodes set version = version + 1;
end;
$$;
comment on function fn_fleet_login(text, text) is
  'Gives the front the password with which a login connects to the nodes; null takes it away. Without one it is looked '
  'up in the pgpass file of the account that runs the front''s server.';
