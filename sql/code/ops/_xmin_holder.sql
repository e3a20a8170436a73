create or replace function _xmin_holder(out holder text, out since timestamptz)
language plpgsql
stable
set search_path from current
as $$
-- The holder of the oldest snapshot or unfinished transaction of this database, which keeps vacuum from removing rows
-- that died since; null if there is none. Replication slots count whichever database they serve. Of sessions of other
-- roles only the pid is visible, unless the owner of the schema may read all statistics (pg_read_all_stats). A slot
-- does not tell since when.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  select h.holder, h.since into holder, since
    from (select format('session %s of %s%s, %s: %s', a.pid, a.usename,
                        coalesce(' (' || nullif(a.application_name, '') || ')', ''),
                        a.state, left(a.query, 80)) as holder,
                 a.xact_start as since, greatest(age(a.backend_xmin), age(a.backend_xid)) as age
            from pg_stat_activity a
           where a.datname = current_database() and a.pid <> pg_backend_pid()
             and a.backend_type = 'client backend' and (a.backend_xmin is not null or a.backend_xid is not null)
          union all
          select format('prepared transaction %s of %s', x.gid, x.owner), x.prepared, age(x.transaction)
            from pg_prepared_xacts x where x.database = current_database()
          union all
          select format('replication slot %s (%s)', r.slot_name,
                        case when r.active then 'active' else 'not active' end), null, age(r.xmin)
            from pg_replication_slots r where r.xmin is not null) h
   order by h.age desc nulls last, h.since
   limit 1;
end;
$$;
