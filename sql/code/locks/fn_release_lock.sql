create or replace function fn_release_lock(p_lock_name text, p_holder_id text)
returns boolean
language plpgsql
security definer
set search_path from current
as $$
-- Gives a lock back; false, and nothing changed, unless p_holder_id holds it. If a transaction has asserted the lock,
-- it keeps it to its end: then the lock expires now, and is free as soon as that transaction ends.
-- Locks: the row of the lock; waits 50 ms at most for another session of the same holder. Writes: distributed_locks.
-- Raises: OP018 for arguments that cannot be.
declare
  v_now timestamptz;
begin
  perform _check_lock(p_lock_name, p_holder_id, 1);
  if not _hold_lock(p_lock_name, p_holder_id) then
    return false;
  end if;
  perform from distributed_locks l where l.lock_name = p_lock_name for update skip locked;
  if found then
    delete from distributed_locks where lock_name = p_lock_name;
  else
    v_now := _now();
    update distributed_locks set expires_at = v_now where lock_name = p_lock_name;
  end if;
  return true;
end;
$$;
comment on function fn_release_lock(text, text) is
  'Gives a lock back; false when p_holder_id does not hold it, or holds it no longer. OPS_018 for arguments that '
  'cannot be.';
