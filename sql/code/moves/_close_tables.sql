create or replace function _close_tables()
returns void
language plpgsql
set search_path from current
as $$
-- From the caller's commit on no statement writes to the loop, of whatever role and however old its snapshot: a trigger
-- on every table refuses it. The locks that making triggers takes wait for whoever is writing. A loop that is not
-- moving has none of these triggers, and pays nothing for them.
-- Locks: all tables, SHARE ROW EXCLUSIVE. Writes: the catalogue. Raises: what _lock_tables raises.
declare
  v_table regclass;
begin
  perform _lock_tables(false);
  for v_table in select t.oid from _loop_tables() t loop
    execute format('create trigger ops_move_closed before insert or update or delete or truncate on %s '
                   'for each statement execute function _ops_move_closed()', v_table);
  end loop;
end;
$$;
