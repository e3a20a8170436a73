create or replace function _announce()
returns void
language plpgsql
set search_path from current
as $$
-- Announces that this transaction is about to put rows into ops_ready. Called before it draws their seqs, once in a
-- transaction. It draws a seq itself and holds a shared advisory lock on it (ops_ready, the lower 32 bits of the seq)
-- until the transaction ends. docs/concepts.md, *The ready queue*, tells what for:
-- - Every row of this transaction has a higher seq than the announced one. A low-water mark that stays at or below all
--   announced seqs never passes a row that is not committed yet.
-- - Between drawing the seq and getting the lock, other sessions do not see the announcement. The rows get their seqs
--   after that. A session that moves marks reads the last seq drawn before it reads the locks, and moves no mark above
--   that seq: so the rows of an announcement that it missed lie above.
-- - ops_ready_seq must keep cache 1. A session with cached seqs would give its rows seqs below the last one drawn.
-- Locks: that advisory lock, shared, never waiting. Writes: nothing. Raises: nothing.
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
