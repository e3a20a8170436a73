create or replace function _duty_locks()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: deletes expired locks, and idempotency keys whose time is over, the 10,000
-- oldest of each at most. Where that fails on data, they are deleted one by one, and what cannot be deleted is left: no
-- call counts it any more.
-- Locks: their rows, SKIP LOCKED. Writes: distributed_locks, ops_idempotency_keys. Raises: what is no fault of the
-- data.
declare
  v_now timestamptz := _now();
  v_key text;
begin
  perform fn_cleanup_expired_locks();
  begin
    delete from ops_idempotency_keys d
     where d.key in (select k.key from ops_idempotency_keys k
                      where k.expires_at <= v_now
                      order by k.expires_at
                      limit 10000
                        for update skip locked);
    return;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
  end;
  for v_key in
    select k.key from ops_idempotency_keys k where k.expires_at <= v_now order by k.expires_at limit 10000
       for update skip locked
  loop
    begin
      delete from ops_idempotency_keys k where k.key = v_key;
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
    end;
  end loop;
end;
$$;
