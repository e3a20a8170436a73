create or replace function _row_holder(p_xmax xid[], p_tables regclass[])
returns table (name text, since timestamptz, remedy text)
language plpgsql
stable
set search_path from current
as $$
-- The transaction that holds a lock on a row, by the xmax of rows of these tables: the oldest one that is still open,
-- with the statement that ends it. No row when none is. A row that several have locked has in xmax the number of a
-- multixact, which lists them. The two kinds of number cannot be told apart, so a transaction counts only if it has
-- locked one of the tables, too.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_xid xid;
  v_xids xid[] := array[]::xid[];
begin
  foreach v_xid in array p_xmax loop
    v_xids := v_xids || v_xid;
    begin
      v_xids := v_xids || array(select m.xid from pg_get_multixact_members(v_xid) m);
    exception when internal_error or invalid_parameter_value then
      -- No multixact has that number.
      null;
    end;
  end loop;
  return query
  select h.name || coalesce(' (' || nullif(h.application, '') || ')', ''), h.since, h.remedy
    from (select distinct l.virtualtransaction as vxid from pg_locks l
           where l.locktype = 'transactionid' and l.granted and l.mode = 'ExclusiveLock'
             and l.transactionid = any (v_xids)
             and l.pid is distinct from pg_backend_pid()) x
   cross join lateral _holder(x.vxid) h
   where exists (select from pg_locks t
                  where t.virtualtransaction = x.vxid and t.granted and t.relation = any (p_tables)
                    and t.database = (select d.oid from pg_database d where d.datname = current_database()))
   order by h.since
   limit 1;
end;
$$;
