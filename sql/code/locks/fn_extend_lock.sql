create or replace function fn_extend_lock(p_lock_name text, p_holder_id text, p_ttl_seconds integer default 60)
returns boolean
language plpgsql
security definer
set search_path from current
as $$
-- Extends a lock to p_ttl_seconds from now; false, and nothing changed, unless p_holder_id holds it. An expired lock is
-- not held, even if no other session has taken it.
-- Locks: the row of the lock; waits 50 ms at most for another session of the same holder. Writes: distributed_locks.
-- Raises: OP018 for arguments that cannot be.
declare
  v_expires_at timestamptz;
begin
  perform _check_lock(p_lock_name, p_holder_id, p_ttl_seconds);
  if not _hold_lock(p_lock_name, p_holder_id) then
    return false;
  end if;
  perform _commit_durably();
  v_expires_at := _now() + make_interval(secs => p_ttl_seconds);
  update distributed_locks set expires_at = v_expires_at where lock_name = p_lock_name;
  return true;
end;
$$;
comment on function fn_extend_lock(text, text, integer) is
  'Lets a lock run for p_ttl_seconds (1 to 604800, default 60) from now; false when p_holder_id does not hold it, or '
  'holds it no longer. OPS_018 for arguments that cannot be.';
