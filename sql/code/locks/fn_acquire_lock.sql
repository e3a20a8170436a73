create or replace function fn_acquire_lock(p_lock_name text, p_holder_id text, p_ttl_seconds integer default 60)
returns boolean
language plpgsql
security definer
set search_path from current
as $$
-- Acquires a lock for p_ttl_seconds; true when p_holder_id holds it now. If it held it before, the lock is extended to
-- p_ttl_seconds from now and keeps its token. False at once while another holder has the lock, or is acquiring it in an
-- open transaction. The lock is held once the caller's transaction commits, and by no other holder meanwhile.
-- Locks: an advisory one on the name, never waiting; the row of the lock, for which only another session of the same
-- holder makes it wait, 50 ms at most. Writes: distributed_locks, ops_counts. Raises: OP018 for arguments that cannot
-- be; 40001 above read committed, when the epoch has changed since the snapshot.
declare
  v_outcome text;
begin
  perform _check_lock(p_lock_name, p_holder_id, p_ttl_seconds);
  v_outcome := _take_lock(p_lock_name, p_holder_id, p_ttl_seconds);
  if v_outcome = 'acquired' then
    perform _count('m10_locks_acquired_total');
  elsif v_outcome = 'busy' then
    perform _count('m10_locks_failed_total');
  end if;
  return v_outcome <> 'busy';
end;
$$;
comment on function fn_acquire_lock(text, text, integer) is
  'Acquires a lock for p_ttl_seconds (1 to 604800, default 60) on the clock of the server; true when p_holder_id '
  'holds it now. A holder that has it already extends it and keeps its token. False at once while another holder has '
  'it or is acquiring it. OPS_018 for arguments that cannot be.';
