create or replace function fn_emit_events(p_events jsonb)
returns setof uuid
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
set lock_timeout = '2s'
as $$
-- Emits a batch of events in the caller's transaction: all of them or, when one is faulty, none.
-- Locks: the unique index of dedupe_key; the announcement. Writes: ops_agent_events, ops_ready. Raises: OP019 with
-- every fault, OP023, OP045 for what is too large.
declare
  v_faults text[];
  v_types text[];
  v_data jsonb[];
  v_keys text[];
  v_missions uuid[];
begin
  if jsonb_typeof(p_events) is distinct from 'array' then
    raise exception using errcode = 'OP019', message = 'OPS_019: p_events must be an array of events',
      detail = format('got: %s', left(p_events::text, 200)),
      hint = 'Give [{"type": "…", "data": {…}, "dedupe_key": "…"}].';
  end if;
  perform _check_batch('events', p_events, 'data', 'event_bytes');

  select array_agg(format('events[%s].%s', f.ord - 1, f.fault) order by f.ord)
    into v_faults
    from (select e.ord, n.fault
            from jsonb_array_elements(p_events) with ordinality e (event, ord)
           cross join lateral unnest(_event_faults(e.event)) n (fault)
           limit 1001) f;
  if v_faults is null then
    select array_agg(format('events[%s].mission_id: no mission %s', e.ord - 1, e.event ->> 'mission_id') order by e.ord)
      into v_faults
      from jsonb_array_elements(p_events) with ordinality e (event, ord)
      -- Plans 1
      left join lateral (select t.id from ops_missions t where t.id = (e.event ->> 'mission_id')::uuid limit 1) m
        on true
     where e.event ->> 'mission_id' is not null and m.id is null;
  end if;
  if v_faults is not null then
    raise exception using errcode = 'OP019', message = format('OPS_019: invalid event: %s', v_faults[1]),
      detail = to_jsonb(_told_faults(v_faults))::text,
      hint = 'Nothing was emitted. Mend every fault listed in the detail and emit the batch again.';
  end if;

  select array_agg(e.event ->> 'type' order by e.ord),
         array_agg(coalesce(nullif(e.event -> 'data', 'null'), '{}') order by e.ord),
         array_agg(e.event ->> 'dedupe_key' order by e.ord),
         array_agg((e.event ->> 'mission_id')::uuid order by e.ord)
    into v_types, v_data, v_keys, v_missions
    from jsonb_array_elements(p_events) with ordinality e (event, ord);
  if v_types is null then
    return;
  end if;
  return query select unnest(_emit_events(v_types, v_data, v_keys, v_missions, _acting_login()));
end;
$$;
comment on function fn_emit_events(jsonb) is
  'Emits a batch of events [{"type", "data", "dedupe_key", "mission_id"}] in the caller''s transaction and returns '
  'their ids in order. The same dedupe_key gives the first one''s id. OPS_019 names every fault and emits nothing; '
  'OPS_045 for what is too large; OPS_023 while a restore is not committed.';
