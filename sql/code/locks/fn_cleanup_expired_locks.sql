create or replace function fn_cleanup_expired_locks()
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Deletes expired locks, the 10,000 oldest at most, and returns how many; those that an open transaction asserted are
-- left, and what a table or trigger of others keeps. No correctness depends on it, as an expired lock is free. Part of
-- the heartbeat.
-- Locks: their rows, SKIP LOCKED. Writes: distributed_locks. Raises: errors not caused by the data.
begin
  return _drop_expired('distributed_locks', 'lock_name');
end;
$$;
comment on function fn_cleanup_expired_locks() is
  'Deletes expired locks, at most 10,000 a call, and returns how many. Heartbeats do it by themselves; an expired '
  'lock is free either way.';
