create or replace function _check_outbox_claim(p_processor_id text, p_limit integer, p_name text)
returns void
language plpgsql
set search_path from current
as $$
-- Raises for a claim of messages with impossible arguments.
-- Locks: none. Writes: nothing. Raises: OP018.
begin
  if p_limit is null or p_limit not between 1 and 1000 or coalesce(p_processor_id, '') = '' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: cannot claim %s messages for processor %s', p_limit, quote_nullable(p_processor_id)),
      hint = format('%s: 1 to 1000; p_processor_id: the id of this process, never shared by two.', p_name);
  end if;
end;
$$;
