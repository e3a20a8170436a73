create or replace function fn_idempotent(p_key text)
returns table (fresh boolean, result jsonb)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Takes a key for the caller's transaction. fresh: the caller does the work and stores its result by
-- fn_idempotent_result, all in that transaction. Not fresh: the work was done before, and result is what was stored,
-- null for nothing. A transaction that has taken the key and not ended is waited for, two seconds at most; if it rolls
-- back, the key is the caller's. Keys are kept for worker_policy.idempotency.keep_hours (default 720), then fresh
-- again.
-- Locks: the row of the key, for which it waits. Writes: ops_idempotency_keys. Raises: OP018 for a key that cannot be,
-- OP031 when it is still taken after two seconds.
declare
  v_now timestamptz := _now();
  v_transaction xid8 := pg_current_xact_id();
  v_expires_at timestamptz;
  v_key record;
begin
  if coalesce(length(p_key), 0) not between 1 and 500 then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_key must have 1 to 500 characters',
      detail = jsonb_build_object('length', length(p_key))::text,
      hint = 'Make it of what is to happen once, such as invoice:2031-04:customer-7.';
  end if;
  perform _assert_not_reserved('key', 'p_key', p_key);
  v_expires_at := v_now + make_interval(
    hours => coalesce((_policy('worker_policy') #>> '{idempotency,keep_hours}')::integer, 720));
  loop
    insert into ops_idempotency_keys (key, taken_at, taken_in, expires_at)
    values (p_key, v_now, v_transaction, v_expires_at)
    on conflict (key) do nothing;
    if found then
      return query select true, null::jsonb;
      return;
    end if;
    select k.expires_at, k.result into v_key from ops_idempotency_keys k where k.key = p_key;
    if v_key.expires_at > v_now then
      return query select false, v_key.result;
      return;
    end if;
    -- Expired: the next round of the loop takes it, unless another session was faster.
    delete from ops_idempotency_keys k where k.key = p_key and k.expires_at <= v_now;
  end loop;
exception when lock_not_available then
  perform _raise_held(format('the key %s', quote_literal(p_key)), 'ops_idempotency_keys',
                      array(select k.xmax from ops_idempotency_keys k where k.key = p_key));
end;
$$;
comment on function fn_idempotent(text) is
  'Takes a key for the caller''s transaction: (true, null) for the first caller, which does the work and stores '
  'its result by fn_idempotent_result in the same transaction; (false, the stored result) for later ones. Waits two '
  'seconds at most for an open transaction that has taken the key, then raises OPS_031. Keys are forgotten after '
  'worker_policy.idempotency.keep_hours (default 720). OPS_018 for a key that cannot be.';
