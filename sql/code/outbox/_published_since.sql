create or replace function _published_since(p_published_in xid8, p_seen pg_snapshot)
returns boolean
language sql
stable
parallel safe
as $$
  -- Whether a message, which the caller reads, was committed after the snapshot p_seen. Not by the xmin of its row: no
  -- snapshot tells whether a subtransaction had ended. One of the caller's own transaction was there before. A number
  -- that this server has not reached yet is of another one, before a restore. Plans 6.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select not pg_catalog.pg_visible_in_snapshot(p_published_in, p_seen)
         and p_published_in operator(pg_catalog.<)
             pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
         and (pg_catalog.pg_current_xact_id_if_assigned() is null
              or p_published_in operator(pg_catalog.<>) pg_catalog.pg_current_xact_id_if_assigned());
$$;
