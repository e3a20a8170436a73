create or replace function fn_complete_outbox_events(p_processor_id text, p_outcomes jsonb)
returns table (event_id bigint, outcome text)
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Reports what became of messages, a batch at a time.
-- Locks: heads, SKIP LOCKED. Writes: as _settle_outbox. Raises: OP018 with every fault, OP045 for a batch
-- that is too large; then nothing counts.
declare
  v_faults text[];
begin
  if jsonb_typeof(p_outcomes) is distinct from 'array' then
    v_faults := array['p_outcomes: must be an array'];
  else
    perform _check_batch('p_outcomes', p_outcomes);
    select array_agg(f order by o.ord) into v_faults
      from jsonb_array_elements(p_outcomes) with ordinality o (said, ord)
     cross join lateral unnest(
       case when jsonb_typeof(o.said) <> 'object' then array[format('p_outcomes[%s]: must be an object', o.ord - 1)]
            -- Most reports have this form, and need none of the six checks below.
            when o.said = jsonb_build_object('event_id', o.said -> 'event_id', 'outcome', 'delivered')
                 and jsonb_typeof(o.said -> 'event_id') = 'number' and o.said ->> 'event_id' ~ '^[0-9]{1,18}$'
            then '{}'
            else _unknown_field_faults(format('p_outcomes[%s]', o.ord - 1), o.said,
                                       array['event_id', 'outcome', 'error', 'retry_after_seconds'])
                 || _missing_field_faults(format('p_outcomes[%s]', o.ord - 1), o.said, array['event_id', 'outcome'])
                 || _field_fault(format('p_outcomes[%s].event_id', o.ord - 1), o.said -> 'event_id', 'whole number', 0,
                                 9223372036854775807)
                 || _field_fault(format('p_outcomes[%s].outcome', o.ord - 1), o.said -> 'outcome',
                                 'delivered|notify|retry|dead|released')
                 || _field_fault(format('p_outcomes[%s].error', o.ord - 1), o.said -> 'error', 'text')
                 || _field_fault(format('p_outcomes[%s].retry_after_seconds', o.ord - 1),
                                 o.said -> 'retry_after_seconds', 'number', 0, 1e9)
       end) f;
  end if;
  if v_faults is not null then
    raise exception using errcode = 'OP018', message = 'OPS_018: malformed batch: ' || v_faults[1],
      detail = jsonb_build_object('faults', _told_faults(v_faults))::text,
      hint = 'Nothing was changed. Each: {"event_id", "outcome": "delivered|notify|retry|dead|released", "error", '
             '"retry_after_seconds"}.';
  end if;
  return query
  select s.event_id, s.outcome
    from _settle_outbox(
      p_processor_id,
      array(select (o ->> 'event_id')::bigint
            from jsonb_array_elements(p_outcomes) with ordinality e (o, n) order by n),
      array(select o ->> 'outcome' from jsonb_array_elements(p_outcomes) with ordinality e (o, n) order by n),
      array(select case when o ->> 'outcome' in ('retry', 'dead')
            then left(coalesce(o ->> 'error', 'not said'), 2000) end
              from jsonb_array_elements(p_outcomes) with ordinality e (o, n) order by n),
      -- A receiver may ask for a later retry, but not for more than a day.
      array(select case when o ->> 'retry_after_seconds' is not null
                          then round(least((o ->> 'retry_after_seconds')::numeric, 86400), 6)::double precision end
              from jsonb_array_elements(p_outcomes) with ordinality e (o, n) order by n)) s;
end;
$$;
comment on function fn_complete_outbox_events(text, jsonb) is
  'Reports what became of claimed messages: [{"event_id", "outcome": "delivered|notify|retry|dead|released", "error", '
  '"retry_after_seconds"}]; retry_after_seconds (a day at most) instead of 2^min(tries, 10) s; released burns no try; '
  'notify delivers it here and now, by NOTIFY to the channel of its route. One row each: the outcome (dead for a '
  'retry that is out of tries), OPS_006 for what the processor does not have any more, or that comes behind one of '
  'its aggregate that failed, busy for what is to be said again. OPS_018 for a malformed batch.';
