create or replace function fn_cleanup_expired_locks()
returns integer
language plpgsql
security definer
set search_path from current
as $$
-- Deletes expired locks, the 10,000 oldest at most, and returns how many; those that an open transaction asserted are
-- left. No correctness depends on it, as an expired lock is free. Part of the heartbeat.
-- Locks: their rows, SKIP LOCKED. Writes: distributed_locks. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_count integer;
begin
  delete from distributed_locks d
   where d.lock_name in (select l.lock_name from distributed_locks l
                          where l.expires_at <= v_now
                          order by l.expires_at
                          limit 10000
                            for update skip locked);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function fn_cleanup_expired_locks() is
  'Deletes expired locks, at most 10,000 a call, and returns how many. Heartbeats do it by themselves; an expired '
  'lock is free either way.';
