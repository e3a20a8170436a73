create or replace function _spread_step(p_step_id uuid)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- A step with for_each whose turn has come: makes a copy of it for each item, at most 1,000, and lets the step wait for
-- them like for any it depends on. When they have ended its turn comes again, and their results are its result, in the
-- order of the items: null for one that failed with on_failure continue. The caller holds its mission and all steps.
-- Locks: none of its own. Writes: ops_mission_steps, ops_missions, ops_parked_steps, and what an end, parking and
-- queueing write. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_step ops_mission_steps;
  v_filled record;
  v_items jsonb;
  v_result jsonb;
  v_fault jsonb;
  v_run record;
  v_ids uuid[];
  v_ready uuid[];
begin
  select * into v_step from ops_mission_steps s where s.id = p_step_id;
  if v_step.on_turn ? 'spread' then
    select coalesce(jsonb_agg(case when c.status = 'succeeded' then c.result end order by n.nth), '[]') into v_result
      from unnest(v_step.depends_on[(v_step.on_turn ->> 'spread')::integer + 1:]) with ordinality n (id, nth)
      -- Plans 1
      left join lateral (select t.status, t.result from ops_mission_steps t where t.id = n.id limit 1) c on true;
    v_fault := _size_fault('the results', v_result, 'result_bytes', _size_limits());
    if v_fault is not null then
      perform _fail_waits(array[p_step_id], array[_size_message(v_fault)], array[text 'OPS_045']);
    else
      perform _end_waits(array[p_step_id], array[v_result]);
    end if;
    return;
  end if;

  select f.document, f.fault, f.fault_code into v_filled
    from _fill_slots(v_step.params,
                     (select coalesce(jsonb_agg(s), '[]') from jsonb_array_elements(coalesce(v_step.slots, '[]')) s
                       where s #>> '{path,0}' = 'for_each'),
                     null, case when v_step.slots is not null
                                then _step_results(v_step.mission_id, v_step.slots) end) f;
  v_items := v_filled.document -> 'for_each';
  if v_filled.fault is null and (jsonb_typeof(v_items) <> 'array' or jsonb_array_length(v_items) > 1000) then
    v_filled.fault := format('for_each: must be a list of at most 1000 items, not %s',
                             case jsonb_typeof(v_items) when 'array' then jsonb_array_length(v_items)::text
                                                        else left(v_items::text, 80) end);
    v_filled.fault_code := 'OPS_049';
  end if;
  if v_filled.fault is not null then
    perform _fail_waits(array[p_step_id], array[v_filled.fault], array[v_filled.fault_code]);
    return;
  elsif v_items = '[]' then
    perform _end_waits(array[p_step_id], array[jsonb '[]']);
    return;
  end if;

  v_run := _uuid_v7_start();
  v_ids := array(select _nth_uuid_v7(v_run.start, v_run.tail, n)
                   from generate_series(1, jsonb_array_length(v_items)) n);
  with filled as materialized (
    select i.nth, f.document, f.slots, f.fault, f.fault_code
      from jsonb_array_elements(v_items) with ordinality i (item, nth)
     cross join lateral _fill_slots(
       v_step.params -> 'params',
       (select coalesce(jsonb_agg(jsonb_set(s, '{path}', (s -> 'path') - 0)), '[]')
          from jsonb_array_elements(coalesce(v_step.slots, '[]')) s where s #>> '{path,0}' = 'params'),
       null, null, jsonb_build_object('item', i.item, 'index', i.nth - 1)) f
  ), made as (
    insert into ops_mission_steps (
      id, mission_id, key, position, kind, executor, params, slots, depends_on, unblocks, waiting_on, status, priority,
      depth, on_failure, on_lease_lost, timeout_seconds, max_retries, needs_approval, on_turn, created_at, updated_at)
    select v_ids[f.nth], v_step.mission_id, format('%s[%s]', v_step.key, f.nth - 1), v_step.position, v_step.kind,
           v_step.executor, f.document, nullif(f.slots, '[]'), v_step.depends_on, array[p_step_id], 0, 'blocked',
           v_step.priority, v_step.depth, v_step.on_failure, v_step.on_lease_lost, v_step.timeout_seconds,
           v_step.max_retries, coalesce((v_step.on_turn ->> 'needs_approval')::boolean, false),
           case when v_step.kind in ('wait', 'mission') then jsonb '{}' end, v_now, v_now
      from filled f
     where not exists (select from filled x where x.fault is not null)
    returning id
  )
  select f.nth, f.fault, f.fault_code into v_filled
    from filled f where f.fault is not null order by f.nth limit 1;
  if found then
    perform _fail_waits(array[p_step_id], array[format('item %s: %s', v_filled.nth - 1, v_filled.fault)],
                        array[v_filled.fault_code]);
    return;
  end if;
  update ops_mission_steps s
     set status = 'blocked', waiting_on = cardinality(v_ids), depends_on = v_step.depends_on || v_ids,
         wait_reason = null, on_turn = jsonb_build_object('spread', cardinality(v_step.depends_on)), updated_at = v_now
   where s.id = p_step_id;
  update ops_missions m
     set steps_total = m.steps_total + cardinality(v_ids), steps_open = m.steps_open + cardinality(v_ids),
         updated_at = v_now
   where m.id = v_step.mission_id;
  perform _unpark_steps(array[p_step_id]);
  v_ready := _await_turn(v_ids);
  if v_ready is not null then
    perform _enqueue_steps(v_ready);
  end if;
end;
$$;
