create or replace function _hold_lock(p_lock_name text, p_holder_id text)
returns boolean
language plpgsql
set search_path from current
set lock_timeout = '50ms'
as $$
-- Whether this holder holds this lock, by this login, or one that may stop the whole loop; if so, the lock cannot
-- change hands until the transaction ends. Otherwise nothing is locked. The clock is read again once the row is locked.
-- Another session of the same holder that has locked the row gets 50 ms to commit; then the answer is no.
-- Locks: the row of the lock, for no key update, and what _pass_restore locks, 50 ms at most. Writes: nothing. Raises:
-- OP023 while a restore is not committed: its caller writes to the row.
declare
  v_expires_at timestamptz;
  v_login text;
begin
  select l.expires_at, l.holder_login into v_expires_at, v_login from distributed_locks l
    where l.lock_name = p_lock_name and l.holder_id = p_holder_id;
  -- Everybody can read the id of a holder.
  if (v_expires_at > _now()) is not true
     or v_login <> _acting_login()
        and not has_function_privilege(_acting_role(), 'fn_kill_switch(text, text)', 'execute') then
    return false;
  end if;
  perform _pass_restore();
  select l.expires_at into v_expires_at
    from distributed_locks l
   where l.lock_name = p_lock_name and l.holder_id = p_holder_id
     for no key update skip locked;
  if not found then
    begin
      select l.expires_at into v_expires_at
        from distributed_locks l
       where l.lock_name = p_lock_name and l.holder_id = p_holder_id
         for no key update;
    exception when lock_not_available then
      return false;
    end;
  end if;
  return coalesce(v_expires_at > _now(), false);
end;
$$;
