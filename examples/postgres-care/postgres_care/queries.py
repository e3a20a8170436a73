"""The queries of pg_stat_* and the catalogue. Every query is one SELECT; the times it returns are text."""

#: Tables with many rows that nobody sees any more.
DEAD_ROWS = """
select s.schemaname as schema, s.relname as table, s.n_dead_tup as dead_rows, s.n_live_tup as live_rows,
       pg_table_size(s.relid) as bytes, greatest(s.last_vacuum, s.last_autovacuum)::text as last_vacuum,
       format('%%s/%%s', s.relid, s.vacuum_count + s.autovacuum_count) as key
  from pg_stat_user_tables s
 where s.schemaname <> %(loop)s and s.schemaname !~ '^pg_'
   and s.n_dead_tup >= %(dead_rows)s and s.n_dead_tup >= %(dead_ratio)s * (s.n_live_tup + s.n_dead_tup)
 order by s.n_dead_tup desc
 limit %(limit)s
"""

#: Tables of which the planner has an old picture.
STALE_STATISTICS = """
select s.schemaname as schema, s.relname as table, s.n_mod_since_analyze as changed_rows, s.n_live_tup as live_rows,
       c.reltuples::bigint as planner_rows, greatest(s.last_analyze, s.last_autoanalyze)::text as last_analyze,
       format('%%s/%%s', s.relid, s.analyze_count + s.autoanalyze_count) as key
  from pg_stat_user_tables s
  join pg_class c on c.oid = s.relid
 where s.schemaname <> %(loop)s and s.schemaname !~ '^pg_'
   and s.n_mod_since_analyze >= %(changed_rows)s and s.n_mod_since_analyze >= %(changed_ratio)s * s.n_live_tup
 order by s.n_mod_since_analyze desc
 limit %(limit)s
"""

#: Indexes that no query has used in all the time that statistics were kept, and that guard nothing: not unique,
#: not behind a constraint, not a replica identity, not part of a partitioned index.
UNUSED_INDEXES = """
select s.schemaname as schema, s.relname as table, s.indexrelname as index, pg_relation_size(s.indexrelid) as bytes,
       s.idx_scan as scans, t.n_tup_ins + t.n_tup_upd as writes_to_table,
       pg_get_indexdef(s.indexrelid) as definition, w.since::text as watched_since,
       format('%%s', s.indexrelid) as key
  from pg_stat_user_indexes s
  join pg_stat_user_tables t on t.relid = s.relid
  join pg_index i on i.indexrelid = s.indexrelid
 cross join (select coalesce(d.stats_reset, pg_postmaster_start_time()) as since
               from pg_stat_database d where d.datname = current_database()) w
 where s.schemaname <> %(loop)s and s.schemaname !~ '^pg_'
   and s.idx_scan = 0 and not (i.indisunique or i.indisprimary or i.indisexclusion or i.indisreplident)
   and i.indisvalid and i.indislive
   and not exists (select from pg_constraint k where k.conindid = s.indexrelid)
   and not exists (select from pg_inherits h where h.inhrelid = s.indexrelid)
   and pg_relation_size(s.indexrelid) >= %(index_bytes)s
   and w.since <= clock_timestamp() - make_interval(days => %(index_days)s)
 order by pg_relation_size(s.indexrelid) desc
 limit %(limit)s
"""

#: Transactions that are open and do nothing. Their last statement is left out: it may hold secrets.
IDLE_TRANSACTIONS = """
select a.pid, a.usename as login, a.application_name as application, a.backend_start::text as backend_start,
       a.xact_start::text as xact_start,
       round(extract(epoch from clock_timestamp() - a.state_change), 1)::float as idle_seconds,
       a.backend_xid is not null as has_written, greatest(age(a.backend_xid), age(a.backend_xmin)) as holds_back,
       format('%%s/%%s', a.pid, a.xact_start) as key
  from pg_stat_activity a
 where a.datname = current_database() and a.pid <> pg_backend_pid() and a.backend_type = 'client backend'
   and a.state in ('idle in transaction', 'idle in transaction (aborted)')
   and a.state_change <= clock_timestamp() - make_interval(secs => %(idle_seconds)s)
 order by a.state_change
 limit %(limit)s
"""

#: The figures of one table.
TABLE = """
select s.n_live_tup as live_rows, s.n_dead_tup as dead_rows, s.n_mod_since_analyze as changed_rows,
       c.reltuples::bigint as planner_rows, pg_table_size(s.relid) as table_bytes,
       pg_indexes_size(s.relid) as index_bytes,
       s.vacuum_count, s.analyze_count, s.last_vacuum::text as last_vacuum, s.last_analyze::text as last_analyze
  from pg_stat_user_tables s
  join pg_class c on c.oid = s.relid
 where s.schemaname = %(schema)s and s.relname = %(table)s
"""

#: The figures of the database.
DATABASE = """
select count(*) filter (where a.state like 'idle in transaction%%') as idle_transactions, count(*) as sessions
  from pg_stat_activity a
 where a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
"""

#: Who keeps VACUUM from removing rows that died lately: the oldest of what still might look at them.
HORIZON = """
select h.what, h.name, h.login, h.application, h.state, h.transactions_back
  from (select 'session' as what, format('pid %%s', a.pid) as name, a.usename as login,
               a.application_name as application, a.state, a.xact_start as since,
               greatest(age(a.backend_xid), age(a.backend_xmin)) as transactions_back
          from pg_stat_activity a
         where (a.datname = current_database() or a.datname is null) and a.pid <> pg_backend_pid()
           and a.backend_type in ('client backend', 'walsender')
        union all
        select 'prepared transaction', p.gid, p.owner, null, 'prepared', p.prepared, age(p.transaction)
          from pg_prepared_xacts p where p.database = current_database()
        union all
        select 'replication slot', r.slot_name, null, null, null, null, age(r.xmin) from pg_replication_slots r) h
 where h.transactions_back is not null
 order by h.transactions_back desc, h.since nulls first
 limit 1
"""

#: How far a VACUUM has come.
VACUUM_PROGRESS = """
select p.phase, p.heap_blks_scanned as scanned, p.heap_blks_total as total from pg_stat_progress_vacuum p
 where p.pid = %(pid)s
"""

#: One index, as it is now.
INDEX = """
select pg_get_indexdef(i.indexrelid) as definition, s.idx_scan as scans, pg_relation_size(i.indexrelid) as bytes,
       i.indisunique or i.indisprimary or i.indisexclusion or i.indisreplident
       or exists (select from pg_constraint k where k.conindid = i.indexrelid) as guards
  from pg_index i
  join pg_stat_user_indexes s on s.indexrelid = i.indexrelid
 where s.schemaname = %(schema)s and s.indexrelname = %(index)s
"""

#: Ends a session if it still is in the very transaction that was reported, idle.
END_SESSION = """
select pg_terminate_backend(a.pid, 5000) as ended
  from pg_stat_activity a
 where a.pid = %(pid)s and a.datname = current_database()
   and a.backend_start = %(backend_start)s::timestamptz and a.xact_start = %(xact_start)s::timestamptz
   and a.state in ('idle in transaction', 'idle in transaction (aborted)')
"""
