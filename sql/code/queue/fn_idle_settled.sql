create or replace function fn_idle_settled(p_ticket text)
returns boolean
language plpgsql
stable
security definer
set search_path from current
as $$
-- Whether every transaction that was in progress when the ticket was given has ended: from then on every producer sees
-- that the worker is idle, and notifies.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return pg_snapshot_xmin(pg_current_snapshot()) > p_ticket::xid8;
end;
$$;
comment on function fn_idle_settled(text) is
  'True once every transaction that was in progress when fn_declare_idle gave the ticket has ended: the worker may '
  'stop polling and wait to be notified.';
