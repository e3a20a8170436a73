create or replace function _announce()
returns void
language plpgsql
set search_path from current
as $$
-- Announces that this transaction is about to put rows into ops_ready. Called before it draws their seqs, once in a
-- transaction. It draws a seq itself and keeps a shared advisory lock on it (ops_ready, that seq) until it ends. All
-- rows of this transaction have higher seqs, so a low-water mark that stays at or below the announced seq never passes
-- a row that is not committed yet (_move_marks).
-- Locks: that advisory lock, shared, until the transaction ends. Writes: nothing. Raises: nothing.
declare
  v_setting text := 'opsloop.announced_' || 'ops_ready'::regclass::oid;
  v_transaction text := pg_current_xact_id()::text;
begin
  -- Set for the transaction: a rollback to a savepoint takes both the setting and the lock back.
  if current_setting(v_setting, true) is distinct from v_transaction then
    perform pg_advisory_xact_lock_shared('ops_ready'::regclass::oid::integer,
                                         nextval('ops_ready_seq')::bit(32)::integer);
    perform set_config(v_setting, v_transaction, true);
  end if;
end;
$$;
