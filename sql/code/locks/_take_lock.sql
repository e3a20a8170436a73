create or replace function _take_lock(p_lock_name text, p_holder_id text, p_ttl_seconds integer)
returns text
language plpgsql
set search_path from current
set lock_timeout = '50ms'
as $$
-- Acquires a lock: acquired with a new token, extended when this holder has it already, else busy. While the acquiring
-- transaction is open, an advisory lock on the name keeps all other sessions off, and none of them waits. A call that
-- finds the lock held by another holder has only read.
-- Tokens: the epoch, then the next number of a sequence. Both only rise, and neither is kept in a row of the lock. A
-- token is drawn when no other session can take this lock any more, so that later holders draw higher ones.
-- Locks: an advisory one (distributed_locks, hash of the name), never waiting; the row of the lock, 50 ms at most. Two
-- names with the same hash only bring a busy too many. Writes: distributed_locks. Raises: 40001 above read committed,
-- when the epoch has changed since the snapshot.
declare
  v_lock record;
  v_exists boolean;
  v_now timestamptz;
  v_expires_at timestamptz;
  v_epoch bigint;
  v_token bigint;
begin
  select l.holder_id, l.expires_at into v_lock from distributed_locks l where l.lock_name = p_lock_name;
  if v_lock.expires_at > _now() then
    if v_lock.holder_id <> p_holder_id or not _hold_lock(p_lock_name, p_holder_id) then
      return 'busy';
    end if;
    perform _commit_durably();
    v_expires_at := _now() + make_interval(secs => p_ttl_seconds);
    update distributed_locks set expires_at = v_expires_at where lock_name = p_lock_name;
    return 'extended';
  end if;

  if not pg_try_advisory_xact_lock('distributed_locks'::regclass::oid::integer, hashtext(p_lock_name)) then
    return 'busy';
  end if;
  v_now := _now();
  -- For update: a transaction that asserted the lock keeps it to its end, however long expired.
  perform from distributed_locks l where l.lock_name = p_lock_name and l.expires_at <= v_now for update skip locked;
  v_exists := found;
  if not v_exists and exists (select from distributed_locks l where l.lock_name = p_lock_name) then
    return 'busy';
  end if;

  v_epoch := _current_epoch();
  if v_epoch is null then
    return 'busy';
  end if;
  perform _commit_durably();
  v_token := v_epoch * 1000000000000 + nextval('distributed_locks_token_seq');
  v_now := _now();
  v_expires_at := v_now + make_interval(secs => p_ttl_seconds);
  begin
    if v_exists then
      update distributed_locks
         set holder_id = p_holder_id, holder_login = _acting_login(), acquired_at = v_now, expires_at = v_expires_at,
             token = v_token
       where lock_name = p_lock_name;
    else
      -- There may be a row that this snapshot does not see: it is old, or the row is being inserted by hand.
      insert into distributed_locks (lock_name, holder_id, holder_login, acquired_at, expires_at, token)
      values (p_lock_name, p_holder_id, _acting_login(), v_now, v_expires_at, v_token)
      on conflict (lock_name) do nothing;
      if not found then
        return 'busy';
      end if;
    end if;
  exception when lock_not_available then
    -- That row, or a restore that is not committed.
    return 'busy';
  end;
  return 'acquired';
end;
$$;
