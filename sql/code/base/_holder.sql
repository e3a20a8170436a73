create or replace function _holder(p_virtualtransaction text)
returns table (pid integer, gid text, login text, application text, since timestamptz, name text, remedy text)
language plpgsql
stable
set search_path from current
as $$
-- The transaction that holds a lock, by its virtualtransaction in pg_locks: a session, or a prepared transaction, which
-- has no pid and outlives its session. name: in words. remedy: the statement that ends it. One row always; where the
-- transaction has ended meanwhile, or is not visible, name says so and remedy is a query.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select a.pid, x.gid, coalesce(a.usename, x.owner)::text, a.application_name, coalesce(a.xact_start, x.prepared),
         case
           when x.gid is not null then format('prepared transaction %L of %s', x.gid, x.owner)
           when a.pid is not null then format('session %s of %s', a.pid, a.usename)
           else 'a transaction that has just ended'
         end,
         case
           when x.gid is not null then format('rollback prepared %L;', x.gid)
           when a.pid is not null then format('select pg_terminate_backend(%s);', a.pid)
           else 'select * from pg_locks where not granted;'
         end
    from (select min(l.pid) as pid, min(l.transactionid::text) filter (where l.mode = 'ExclusiveLock') as xid
            from pg_locks l
           where l.virtualtransaction = p_virtualtransaction and l.granted) h
    left join pg_stat_activity a on a.pid = h.pid
    left join pg_prepared_xacts x on h.pid is null and x.transaction::text = h.xid;
end;
$$;
