create or replace function _current_epoch()
returns bigint
language plpgsql
set search_path from current
as $$
-- The epoch in force, also for a transaction whose snapshot may be older: there the row is locked for a moment, which
-- fails when the epoch has changed since. Null while another transaction is changing it.
-- Locks: none that stays. Writes: nothing. Raises: 40001 above read committed, when the epoch has changed since the
-- snapshot.
declare
  v_epoch bigint;
begin
  if current_setting('transaction_isolation') = 'read committed' then
    return (select c.epoch from ops_control c);
  end if;
  begin
    select c.epoch into v_epoch from ops_control c for share skip locked;
    raise sqlstate 'ZZ000';
  exception when sqlstate 'ZZ000' then
    -- The rollback of the block releases the lock, for which the kill switch would have to wait.
    return v_epoch;
  end;
end;
$$;
