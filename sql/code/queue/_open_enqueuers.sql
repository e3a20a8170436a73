create or replace function _open_enqueuers(p_last bigint)
returns table (holder oid, floor bigint)
language plpgsql
set search_path from current
as $$
-- The announced transactions that have not ended: all rows that they bring to ops_ready have a higher seq than floor.
-- holder: the lower 32 bits of the announced seq, as the advisory lock has them; no two announcements share it, and a
-- prepared transaction keeps its own. p_last: a seq drawn a moment ago, which gives the upper bits. (The floor of a
-- transaction that announced itself since is above it.)
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select l.objid,
         p_last + ((l.objid::bigint - p_last + 2147483648) & 4294967295) - 2147483648
    from pg_locks l
   where l.locktype = 'advisory' and l.objsubid = 2 and l.classid = 'ops_ready'::regclass and l.granted
     and l.database = (select d.oid from pg_database d where d.datname = current_database());
end;
$$;
