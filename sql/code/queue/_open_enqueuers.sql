create or replace function _open_enqueuers(p_last bigint)
returns table (holder oid, floor bigint)
language plpgsql
set search_path from current
as $$
-- The transactions that announced to enqueue and have not ended: all that they bring has a higher number than floor.
-- holder: the lower 32 bits of it, as the lock has them; no two announcements have the same, and a prepared transaction
-- keeps its own. p_last, a number drawn a moment ago, tells the other bits (who announced himself since has a floor
-- above it).
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
