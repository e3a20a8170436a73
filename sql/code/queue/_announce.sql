create or replace function _announce()
returns void
language plpgsql
set search_path from current
as $$
-- Announces that this transaction is about to put rows into ops_ready. Called before it draws their seqs. It draws a
-- seq itself, once in a transaction, and holds a shared advisory lock on it (ops_ready, the lower 32 bits of the seq)
-- until the transaction ends. docs/concepts.md, *The ready queue*, tells what for:
-- - Every row of this transaction has a higher seq than the announced one. A low-water mark that stays at or below all
--   announced seqs never passes a row that is not committed yet.
-- - Between drawing the seq and getting the lock, other sessions do not see the announcement. The rows get their seqs
--   after that. A session that moves marks reads the last seq drawn before it reads the locks, and moves no mark above
--   that seq: so the rows of an announcement that it missed lie above.
-- - ops_ready_seq must keep cache 1. A session with cached seqs would give its rows seqs below the last one drawn.
-- The transaction remembers the seq in a setting, so that a later call locks it again, which is free, and takes no lock
-- more. Any caller may write that setting, so it is never taken at its word: each call locks what it names, and only a
-- seq that was drawn before. Such a seq lies below every row of this call; a lower one than needed holds marks back, as
-- the advisory lock of any login can. A rollback to a savepoint takes the lock back, and the next call has it again.
-- Locks: that advisory lock, shared, never waiting; what _pass_restore locks. Writes: nothing. Raises: OP023.
declare
  v_setting constant text := 'opsloop.announced_' || 'ops_ready'::regclass::oid::text;
  v_said constant text := current_setting(v_setting, true);
  v_last bigint;
  v_floor bigint;
begin
  perform _pass_restore();
  -- _open_enqueuers knows the transaction by this id: it has to be assigned before the lock.
  perform pg_current_xact_id();
  if v_said ~ '^[0-9]{1,18}$' then
    v_last := pg_sequence_last_value('ops_ready_seq');
    v_floor := v_said::bigint;
    -- The lock has the lower 32 bits: from further below they would name another floor.
    if v_floor > v_last or v_floor < v_last - 1000000000 then
      v_floor := null;
    end if;
  end if;
  if v_floor is null then
    v_floor := nextval('ops_ready_seq');
    perform set_config(v_setting, v_floor::text, true);
  end if;
  perform pg_advisory_xact_lock_shared('ops_ready'::regclass::oid::integer, v_floor::bit(32)::integer);
end;
$$;
