create or replace function _keeps_watch(p_worker_id text, p_pid integer default null)
returns boolean
language plpgsql
stable
set search_path from current
as $$
-- Whether a session, or the one given, has the advisory lock of a worker that is asleep: it listens for it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return exists (
    select from pg_locks l
     where l.locktype = 'advisory' and l.objsubid = 2 and l.granted and l.classid = 'ops_workers'::regclass
       and l.objid = (hashtext(p_worker_id)::bigint & 4294967295)::oid
       and l.database = (select d.oid from pg_database d where d.datname = current_database())
       and (p_pid is null or l.pid = p_pid));
end;
$$;
