create or replace function _duty_locks()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: deletes expired locks, and idempotency keys whose time is over, the 10,000
-- oldest of each at most. A row that cannot be deleted is left: no call counts it any more.
-- Locks: their rows, SKIP LOCKED. Writes: distributed_locks, ops_idempotency_keys. Raises: errors not caused by the
-- data.
begin
  perform fn_cleanup_expired_locks();
  perform _drop_expired('ops_idempotency_keys', 'key');
end;
$$;
