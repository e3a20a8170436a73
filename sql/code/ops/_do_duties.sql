create or replace function _do_duties()
returns void
language plpgsql
set search_path from current
as $$
-- What is to be done every ten seconds, by one heartbeat of however many: a lock that nobody gives back sees to that.
-- It expires when the next turn is due, and goes with the turn that took it when that fails.
-- Locks: the lock heartbeat:duties, and what the duties lock, SKIP LOCKED. Writes: distributed_locks, ops_counts,
-- ops_counters, ops_idempotency_keys, ops_workers. Raises: nothing.
begin
  if _take_lock('heartbeat:duties', 'heartbeat:' || pg_backend_pid() || ':' || gen_random_uuid(), 10) <> 'acquired' then
    return;
  end if;
  perform fn_cleanup_expired_locks();
  perform _forget_keys();
  perform _sum_counts();
  perform _tidy_workers(_now());
end;
$$;
