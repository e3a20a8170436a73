create or replace function _open_tables()
returns void
language plpgsql
set search_path from current
as $$
-- Takes back what _close_tables did.
-- Locks: all tables, ACCESS EXCLUSIVE. Writes: the catalogue. Raises: what _lock_tables raises.
declare
  v_table regclass;
begin
  perform _lock_tables(true);
  for v_table in
    select t.tgrelid from pg_trigger t
      join _loop_tables() l on l.oid = t.tgrelid
     where t.tgname = 'ops_move_closed'
  loop
    execute format('drop trigger ops_move_closed on %s', v_table);
  end loop;
end;
$$;
