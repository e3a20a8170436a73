create or replace function fn_assert_lock(p_lock_name text, p_token bigint)
returns void
language plpgsql
security definer
set search_path from current
set lock_timeout = '50ms'
as $$
-- Raises unless the lock is held under that token, and keeps it from changing hands until the transaction ends, even
-- past its expiry: the writes of the transaction happen under the lock, or not at all. It may be extended meanwhile.
-- Locks: the row of the lock, for key share, 50 ms at most. Writes: nothing. Raises: OP030.
declare
  v_token bigint;
  v_expires_at timestamptz;
begin
  -- Where an open transaction has extended and then released the lock, PostgreSQL skips the first row version and waits
  -- for the second: 50 ms at most.
  begin
    select l.token, l.expires_at into v_token, v_expires_at
      from distributed_locks l
     where l.lock_name = p_lock_name
       for key share skip locked;
  exception when lock_not_available then
    v_token := null;
  end;
  if (v_token = p_token and v_expires_at > _now()) is not true then
    raise exception using errcode = 'OP030',
      message = format('OPS_030: the lock %s is not held under token %s', coalesce(quote_literal(p_lock_name), 'null'),
                       coalesce(p_token::text, 'null')),
      detail = jsonb_build_object('lock_name', p_lock_name, 'token', p_token)::text,
      hint = 'It expired, was released or deleted, or another holder has it: stop, and roll back. Acquire it anew to '
             'go on.';
  end if;
end;
$$;
comment on function fn_assert_lock(text, bigint) is
  'Raises OPS_030 unless the lock is held under that token, and keeps it so until the transaction ends: put it first '
  'in a transaction that must not commit without the lock.';
