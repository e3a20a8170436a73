create or replace function fn_lock_token(p_lock_name text, p_holder_id text)
returns bigint
language plpgsql
security definer
set search_path from current
as $$
-- The fencing token of a lock while p_holder_id holds it, else null. It was true a moment ago: work that needs the lock
-- is guarded by fn_assert_lock, or by a receiver that refuses a token lower than one it has seen.
-- Locks: none. Writes: nothing. Raises: OP018 for arguments that cannot be.
declare
  v_now timestamptz := _now();
begin
  perform _check_lock(p_lock_name, p_holder_id, 1);
  return (select l.token
            from distributed_locks l
           where l.lock_name = p_lock_name and l.holder_id = p_holder_id and l.expires_at > v_now);
end;
$$;
comment on function fn_lock_token(text, text) is
  'The fencing token of a lock that p_holder_id holds, null when it does not: a number higher than that of any '
  'earlier holder, across release, expiry and rows deleted by hand. OPS_018 for arguments that cannot be.';
