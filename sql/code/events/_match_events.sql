create or replace function _match_events(p_ids uuid[], p_patterns jsonb)
returns integer
language plpgsql
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- Compares waiting events, which the caller has taken, with patterns, and stores the reactions; returns how many were
-- queued. A reaction whose template cannot be filled is stored as failed, with the path that has no value.
-- Locks: cooldowns by pattern name, for which it waits; the announcement. Writes: ops_agent_reactions,
-- ops_pattern_cooldowns, ops_ready; ops_late_enqueuers, seldom. Raises: nothing for sound data.
declare
  v_now timestamptz := _now();
  v_event_ids uuid[];
  v_nos integer[];
  v_depths integer[];
  v_names text[];
  v_minutes numeric[];
  v_passed text[] := '{}';
  v_run record;
  v_queued integer;
begin
  select array_agg(m.event_id), array_agg(m.pattern_no), array_agg(m.depth)
    into v_event_ids, v_nos, v_depths
    from _matching_patterns(p_ids, p_patterns, true) m;

  select array_agg(c.name order by c.name), array_agg(c.minutes order by c.name)
    into v_names, v_minutes
    from (select p.pattern ->> 'name' as name, (p.pattern ->> 'cooldown_minutes')::numeric as minutes
            from (select distinct n from unnest(v_nos) n) n
            join jsonb_array_elements(p_patterns) with ordinality p (pattern, no) on p.no = n.n) c
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
      join jsonb_array_elements(p_patterns) with ordinality p (pattern, no) on p.no = n.n
     cross join lateral jsonb_build_object('template', p.pattern -> 'template', 'dedupe_key',
                                           p.pattern -> 'dedupe_key') w (written)
  ), reacting as (
    select m.ord, m.event_id, p.name, p.no, f.fault, f.fault_code,
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
           case when r.fault is null then 'queued' else 'failed' end, coalesce(r.payload, '{}'),
           r.fault_code || ': ' || r.fault, r.fault_code,
           case when r.fault is null then nextval('ops_ready_seq') end, v_now, v_now
      from reacting r
    on conflict do nothing
    returning id, ready_seq
  )
  insert into ops_ready (lane, seq, id)
  select _lane_of('reactions'), s.ready_seq, s.id from stored s where s.ready_seq is not null;
  get diagnostics v_queued = row_count;
  return v_queued;
end;
$$;
