create or replace function _open_enqueuers(p_last bigint)
returns table (holder xid, floor bigint)
language plpgsql
set search_path from current
as $$
-- The transactions that have announced that they enqueue (_announce) and have not ended, prepared ones too. Every row
-- that one brings to ops_ready has a higher seq than its floor, the seq that it announced.
-- holder: the transaction id. Not the lock, which any session may take too, and keep for longer: without a transaction
-- that has an id, no lock counts. The lock has the lower 32 bits of the floor; the upper bits are those that put the
-- floor nearest to p_last, the last seq drawn as the caller read it just before: right while no announcement is older
-- than two billion seqs. A transaction that has announced itself since has a floor above p_last.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with held as materialized (
    select l.locktype, l.database, l.classid, l.objid, l.objsubid, l.transactionid, l.virtualtransaction, l.mode
      from pg_locks l
     where l.granted and l.locktype in ('advisory', 'transactionid'))
  select t.id, p_last + ((l.objid::bigint - p_last + 2147483648) & 4294967295) - 2147483648
    from held l
   -- The oldest of its ids: those of its savepoints end before it does.
   cross join lateral (
     select h.transactionid as id
       from held h
      where h.locktype = 'transactionid' and h.mode = 'ExclusiveLock'
        and h.virtualtransaction = l.virtualtransaction
      order by age(h.transactionid) desc limit 1) t
   where l.locktype = 'advisory' and l.objsubid = 2 and l.classid = 'ops_ready'::regclass
     and l.database = (select d.oid from pg_database d where d.datname = current_database());
end;
$$;
