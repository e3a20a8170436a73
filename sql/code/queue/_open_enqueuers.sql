create or replace function _open_enqueuers(p_last bigint)
returns table (holder oid, floor bigint)
language plpgsql
set search_path from current
as $$
-- The transactions that have announced that they enqueue (_announce) and have not ended, prepared ones too. Every row
-- that one brings to ops_ready has a higher seq than its floor, the seq that it announced.
-- holder: the lower 32 bits of that seq, all that its advisory lock has; no two open announcements share them. The
-- upper bits are those that put the floor nearest to p_last, the last seq drawn as the caller read it just before:
-- right while no announcement is older than two billion seqs. A transaction that has announced itself since has a floor
-- above p_last.
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
