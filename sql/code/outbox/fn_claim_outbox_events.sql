create or replace function fn_claim_outbox_events(p_processor_id text, p_batch_size integer default 10)
returns table (id bigint, aggregate_type text, aggregate_id text, event_type text, payload jsonb, retry_count integer)
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
set lock_timeout = '2s'
as $$
-- Claims up to p_batch_size messages for a processor of one's own: of each aggregate only the first that waits, so that
-- they may be delivered in any order. Routes of policy are not asked for. No message is claimed while the whole loop is
-- paused.
-- Locks: the barrier of claims, and what _claim_outbox locks. Writes: outbox_heads, outbox_timers, ops_ready. Raises:
-- OP018, and what _refuse_move raises.
declare
  v_claimed bigint[];
begin
  perform _check_outbox_claim(p_processor_id, p_batch_size, 'p_batch_size');
  perform _pass_barrier('claims');
  if _is_stopped() then
    perform _refuse_move();
    return;
  end if;
  v_claimed := _claim_outbox(p_processor_id, p_batch_size, 1, _outbox_lease(null, _policy('outbox')), null);
  return query
  select o.id, o.aggregate_type, o.aggregate_id, o.event_type, o.payload, o.retry_count
    from unnest(v_claimed) with ordinality c (id, ord)
    join outbox o on o.id = c.id
   order by c.ord;
end;
$$;
comment on function fn_claim_outbox_events(text, integer) is
  'Claims up to p_batch_size (default 10, at most 1000) messages of the outbox for a processor: of each aggregate the '
  'first that waits. Report each with fn_complete_outbox_event within the lease (policy outbox.lease_seconds, else 60 '
  's), or another processor gets it. OPS_018 for a bad argument.';
