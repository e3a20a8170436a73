create or replace function _lock_head(p_event_id bigint)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
set lock_timeout = '2s'
as $$
-- Locks the head of a message's aggregate until the caller commits. A transaction that has it is waited for, two
-- seconds at most, and then named. Nothing when there is no such message.
-- Locks: outbox_heads, FOR UPDATE. Writes: nothing. Raises: OP031.
declare
  v_type text;
  v_id text;
begin
  select o.aggregate_type, o.aggregate_id into v_type, v_id from outbox o where o.id = p_event_id;
  perform from outbox_heads h where h.aggregate_type = v_type and h.aggregate_id = v_id for update skip locked;
  -- A block with an exception has a transaction id of its own, under which the lock would be nobody's for the others.
  if found then
    return;
  end if;
  begin
    perform from outbox_heads h where h.aggregate_type = v_type and h.aggregate_id = v_id for update;
  exception when lock_not_available then
    perform _raise_held(format('the outbox of %s %s', v_type, v_id), 'outbox_heads',
                        array(select h.xmax from outbox_heads h where h.aggregate_type = v_type
                                                                  and h.aggregate_id = v_id));
  end;
end;
$$;
