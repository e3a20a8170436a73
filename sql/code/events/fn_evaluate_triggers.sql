create or replace function fn_evaluate_triggers(p_batch_size integer default 50)
returns table (events integer, queued integer)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Compares up to p_batch_size waiting events with the reaction matrix, each exactly once, whether or not a pattern
-- matches. A reaction whose template cannot be filled is stored as failed, with the path that has no value.
-- Locks: the events taken, by their rows in ops_ready (SKIP LOCKED); cooldowns by pattern name, for which it waits; the
-- announcement. Writes: ops_agent_events, ops_agent_reactions, ops_pattern_cooldowns, ops_ready, marks; ops_lanes and
-- ops_late_enqueuers, seldom. Raises: OP018 for a batch of less than one.
declare
  v_patterns jsonb := coalesce(nullif(_policy('reaction_matrix') -> 'patterns', 'null'), '[]');
  v_ids uuid[];
  v_now timestamptz := _now();
  v_event_ids uuid[];
  v_nos integer[];
  v_depths integer[];
  v_names text[];
  v_minutes numeric[];
  v_passed text[] := '{}';
  v_run record;
begin
  if p_batch_size < 1 then
    raise exception using errcode = 'OP018', message = format('OPS_018: p_batch_size is %s', p_batch_size),
      hint = 'Give at least 1; the default is 50.';
  end if;
  v_ids := _take_ready(_lane_of('events'), coalesce(p_batch_size, 50), (_lane_fronts(array[_lane_of('events')]))[1]);
  events := cardinality(v_ids);
  queued := 0;
  if events = 0 then
    return next;
    return;
  end if;

  select array_agg(m.event_id), array_agg(m.pattern_no), array_agg(m.depth)
    into v_event_ids, v_nos, v_depths
    from _matching_patterns(v_ids, v_patterns) m;

  select array_agg(c.name order by c.name), array_agg(c.minutes order by c.name)
    into v_names, v_minutes
    from (select p.pattern ->> 'name' as name, (p.pattern ->> 'cooldown_minutes')::numeric as minutes
            from (select distinct n from unnest(v_nos) n) n
            join jsonb_array_elements(v_patterns) with ordinality p (pattern, no) on p.no = n.n) c
   where c.minutes > 0;
  if v_names is not null then
    v_passed := _pass_cooldowns(v_names, v_minutes);
  end if;

  select * into v_run from _uuid_v7_start();
  perform _announce();
  -- All that is equal for the events of a pattern is computed once. A pattern with a cooldown reacts to one event.
  with pattern as materialized (
    select p.no, p.pattern ->> 'name' as name, w.written, _template_slots(w.written) as slots,
           coalesce((p.pattern ->> 'cooldown_minutes')::numeric, 0) > 0 as cools
      from (select distinct n from unnest(v_nos) n) n
      join jsonb_array_elements(v_patterns) with ordinality p (pattern, no) on p.no = n.n
     cross join lateral jsonb_build_object('template', p.pattern -> 'template', 'dedupe_key',
                                           p.pattern -> 'dedupe_key') w (written)
  ), reacting as (
    select m.ord, m.event_id, p.name, p.no, f.fault,
           coalesce(f.payload, case when p.slots = '[]' then p.written || '{"slots": []}' end)
           || jsonb_build_object('depth', m.depth) as payload
      from (select e.*, row_number() over (partition by e.no order by e.ord) as nth
              from unnest(v_event_ids, v_nos, v_depths) with ordinality e (event_id, no, depth, ord)) m
      join pattern p on p.no = m.no
      left join lateral _fill_reaction(p.written, p.slots, m.event_id) f on p.slots <> '[]'
     where not p.cools or (m.nth = 1 and p.name = any (v_passed))
  ), stored as (
    insert into ops_agent_reactions (id, event_id, pattern, status, payload, reason, reason_code, ready_seq,
                                     created_at, updated_at)
    select _nth_uuid_v7(v_run.start, v_run.tail, row_number() over (order by r.ord, r.no)), r.event_id, r.name,
           case when r.fault is null then 'queued' else 'failed' end, coalesce(r.payload, '{}'), 'OPS_004: ' || r.fault,
           case when r.fault is not null then 'OPS_004' end,
           case when r.fault is null then nextval('ops_ready_seq') end, v_now, v_now
      from reacting r
    on conflict do nothing
    returning id, ready_seq
  )
  insert into ops_ready (lane, seq, id)
  select _lane_of('reactions'), s.ready_seq, s.id from stored s where s.ready_seq is not null;
  get diagnostics queued = row_count;

  update ops_agent_events set processed_at = v_now where id = any (v_ids) and processed_at is null;
  return next;
end;
$$;
comment on function fn_evaluate_triggers(integer) is
  'Compares up to p_batch_size (default 50) waiting events with the reaction matrix; returns how many events were '
  'compared and how many reactions were queued. Two calls at once never compare the same event. OPS_018 for a batch '
  'of less than one.';
