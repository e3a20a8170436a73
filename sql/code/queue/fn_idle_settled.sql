create or replace function fn_idle_settled(p_ticket text)
returns boolean
language plpgsql
stable
security definer
set search_path from current
as $$
-- Whether every transaction that was in progress when the ticket was given has ended: from then on every producer sees
-- that the worker is idle, and notifies.
-- Locks: none. Writes: nothing. Raises: OP018 for what is no ticket.
begin
  if p_ticket !~ '^[0-9]{1,19}$' or p_ticket::numeric > 9223372036854775807 then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_ticket is no ticket of fn_declare_idle',
      detail = jsonb_build_object('p_ticket', left(p_ticket, 100))::text,
      hint = 'Give the ticket as fn_declare_idle returned it, in digits.';
  end if;
  return pg_snapshot_xmin(pg_current_snapshot()) > p_ticket::xid8;
end;
$$;
comment on function fn_idle_settled(text) is
  'True once every transaction that was in progress when fn_declare_idle gave the ticket has ended: the worker may '
  'stop polling and wait to be notified. OPS_018 for what is no ticket.';
