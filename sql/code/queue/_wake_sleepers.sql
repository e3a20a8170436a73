create or replace function _wake_sleepers()
returns void
language plpgsql
set search_path from current
as $$
-- Tells workers that are asleep (fn_fall_asleep), when the caller commits, that there is work for a heartbeat. Workers
-- that are only idle beat by themselves. Steps that become ready need no such word: _wake_workers wakes both.
-- Locks: none before the commit. Writes: nothing. Raises: nothing.
begin
  if exists (select from ops_workers where asleep_until is not null) then
    perform pg_notify(_notify_channel(), '');
  end if;
end;
$$;
