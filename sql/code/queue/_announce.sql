create or replace function _announce()
returns void
language plpgsql
set search_path from current
as $$
-- Announces that this transaction is about to enqueue: called before it draws numbers for its rows, once per
-- transaction, it draws a number of its own and leaves a shared advisory lock (ops_ready, that number). Every number
-- drawn later is higher, so that the marks of the lanes stay below what is not committed yet (_move_marks).
-- Locks: that advisory lock, shared, until the transaction ends. Writes: nothing. Raises: nothing.
declare
  v_setting text := 'opsloop.announced_' || 'ops_ready'::regclass::oid;
  v_transaction text := pg_current_xact_id()::text;
begin
  -- Set for the transaction, and so rolled back with a savepoint as the lock is.
  if current_setting(v_setting, true) is distinct from v_transaction then
    perform pg_advisory_xact_lock_shared('ops_ready'::regclass::oid::integer, nextval('ops_ready_seq')::bit(32)::integer);
    perform set_config(v_setting, v_transaction, true);
  end if;
end;
$$;
