create or replace function _duty_locks()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: deletes expired locks, and idempotency keys whose time is over, the 10,000
-- oldest of each at most.
-- Locks: their rows, SKIP LOCKED. Writes: distributed_locks, ops_idempotency_keys. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  perform fn_cleanup_expired_locks();
  delete from ops_idempotency_keys d
   where d.key in (select k.key from ops_idempotency_keys k
                    where k.expires_at <= v_now
                    order by k.expires_at
                    limit 10000
                      for update skip locked);
end;
$$;
