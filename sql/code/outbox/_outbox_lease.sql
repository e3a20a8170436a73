create or replace function _outbox_lease(p_seconds integer, p_policy jsonb)
returns interval
language plpgsql
immutable
set search_path from current
as $$
-- How long a claim of messages lasts: as the caller asks, else by policy, else a minute.
-- Locks: none. Writes: nothing. Raises: OP018.
begin
  if p_seconds not between 1 and 3600 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_lease_seconds must be 1 to 3600, not %s', p_seconds),
      hint = 'Leave it out for what policy says (outbox.lease_seconds, else 60).';
  end if;
  return make_interval(secs => coalesce(p_seconds, (p_policy ->> 'lease_seconds')::integer, 60));
end;
$$;
