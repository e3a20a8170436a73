create or replace function fn_disown_outbox_events(
  p_processor_id text,
  p_event_ids bigint[],
  p_lease_seconds integer default null
)
returns integer
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- For a processor that never got the answer to a claim: frees the aggregates that it has, and of whose claimed messages
-- none is one of p_event_ids. It calls this while no claim of its own is on its way, or that claim would be undone, and
-- again for as long as a lost claim may still commit. Never waits: what another session has locked is left for the next
-- call. Found by the timers of claims, within one lease from now the latest 100,000 aggregates.
-- Locks: heads, SKIP LOCKED. Writes: outbox_heads, ops_ready. Raises: OP018.
declare
  v_now timestamptz := _now();
  v_lease interval := _outbox_lease(p_lease_seconds, _policy('outbox'));
  v_types text[];
  v_ids text[];
begin
  if p_event_ids is null or array_position(p_event_ids, null) is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: p_event_ids must be ids, none of them null',
      hint = 'Give the ids of all messages that this processor knows to be its own; {} for none.';
  end if;
  select array_agg(l.aggregate_type), array_agg(l.aggregate_id) into v_types, v_ids
    from (select h.aggregate_type, h.aggregate_id
            from (select distinct u.aggregate_type, u.aggregate_id
                    from (select t.aggregate_types, t.aggregate_ids from outbox_timers t
                           where t.due_at > v_now and t.due_at <= v_now + v_lease
                           order by t.due_at desc, t.id desc
                           limit 100000) t
                   cross join lateral unnest(t.aggregate_types, t.aggregate_ids) u (aggregate_type, aggregate_id)
                   limit 100000) d
            join outbox_heads h on h.aggregate_type = d.aggregate_type and h.aggregate_id = d.aggregate_id
           where h.processor_id = p_processor_id and not h.claimed && p_event_ids
             for update of h skip locked) l;
  if v_types is null then
    return 0;
  end if;
  perform _free_heads(v_types, v_ids);
  return cardinality(v_types);
end;
$$;
comment on function fn_disown_outbox_events(text, bigint[], integer) is
  'Gives back the aggregates that this processor has claimed without knowing it: those of which no message is one of '
  'p_event_ids, as of a claim whose answer was lost. No try counts. Returns how many. Call it while no claim is on its '
  'way. p_lease_seconds: as in the claim. OPS_018 without ids.';
