create or replace function fn_complete_outbox_event(
  p_event_id bigint,
  p_processor_id text,
  p_success boolean default true,
  p_error text default null
)
returns boolean
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Reports that one message was delivered, or could not be. Then it is tried again after 2^min(tries, 10) seconds or,
-- when no tries are left, leaves a dead letter, and its aggregate goes on. False when the processor does not have the
-- message (any more).
-- Locks: the head of its aggregate; waits for it, two seconds at most. Writes: as _settle_outbox. Raises: OP023; OP031
-- when another transaction holds the head for longer.
begin
  perform _pass_restore();
  perform _lock_head(p_event_id);
  return (select s.outcome <> 'OPS_006'
            from _settle_outbox(p_processor_id, array[p_event_id],
                                array[case when p_success then 'delivered' else 'retry' end],
                                array[case when not p_success then left(coalesce(p_error, 'not said'), 2000) end],
                                array[null::double precision]) s);
end;
$$;
comment on function fn_complete_outbox_event(bigint, text, boolean, text) is
  'Reports that a claimed message was delivered (p_success) or failed: then it is tried again after 2^min(tries, 10) '
  's, and goes to dead_letter_archive once it is out of tries (policy outbox.max_tries, else 10). False, and nothing '
  'is changed, when the processor does not have it any more. OPS_031 names the transaction that holds its aggregate.';
