create or replace function _database_identity()
returns text
language plpgsql
stable
set search_path from current
as $$
-- This very database: of which cluster, and which in it. A replica that is promoted is the same one, what was restored
-- from a dump is another.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (select c.system_identifier from pg_control_system() c)::text || '/'
         || (select d.oid from pg_database d where d.datname = current_database())::text;
end;
$$;
