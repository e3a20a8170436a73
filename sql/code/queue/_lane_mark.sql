create or replace function _lane_mark(p_mark regclass, p_mark_table oid, p_mark_server_start timestamptz, p_ready oid)
returns bigint
language sql
volatile
as $$
  -- The low-water mark of a lane; 0 when it is not valid: of another ops_ready (p_ready is the oid of the current one),
  -- or from before a restart of the server. Plans 6: every claim asks for the mark of each lane.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select case when p_mark_table operator(pg_catalog.=) p_ready
               and p_mark_server_start operator(pg_catalog.=) pg_catalog.pg_postmaster_start_time()
               -- Null where the sequence is gone: an old snapshot still shows the lane.
               and pg_catalog.pg_relation_filenode(p_mark) is not null
              then coalesce(pg_catalog.pg_sequence_last_value(p_mark), 0) else 0 end;
$$;
