create or replace function _start_missions(
  p_proposal_ids uuid[],
  p_which integer[],
  p_depths integer[],
  p_templates jsonb[],
  p_steps ops_template_step[],
  p_slots jsonb[],
  p_risks text[],
  p_auto_approved boolean,
  p_generation integer
)
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Makes the missions of approved proposals, with all their steps: those without dependencies queued, the others
-- blocked. Proposal i has p_templates[p_which[i]], whose digest was approved, with its steps as they were judged, in
-- order, its slots, and the risk that the approval covers; null in p_which starts nothing. Returns the ids of the
-- missions, null for none. p_generation: the policy generation that the templates were judged under.
-- Locks: none but the rows it makes. Writes: ops_missions, ops_mission_steps, ops_lanes, ops_ready. Raises: OP045 for
-- too many lanes.
declare
  v_now timestamptz := _now();
  v_count constant integer := cardinality(p_which);
  v_run record := _uuid_v7_start();
  v_ids uuid[];
  v_titles text[] := '{}'::text[];
  v_priorities smallint[] := '{}'::smallint[];
  v_sizes integer[] := '{}'::integer[];
  v_ends integer[] := '{}'::integer[];
  v_step_slots jsonb[] := '{}'::jsonb[];
  v_most bigint := 0;
  v_lanes integer[];
  v_asks boolean;
  v_ready uuid[];
begin
  -- What is the same for all missions of a template is worked out once. Those of template n are v_sizes[n] steps, and
  -- the last of them is p_steps[v_ends[n]].
  for n in 1 .. cardinality(p_templates) loop
    v_titles[n] := p_templates[n] ->> 'title';
    v_priorities[n] := coalesce((p_templates[n] ->> 'priority')::smallint, 0);
    v_sizes[n] := jsonb_array_length(p_templates[n] -> 'steps');
    v_ends[n] := v_sizes[n] + coalesce(v_ends[n - 1], 0);
    v_most := greatest(v_most, v_sizes[n]);
    if p_slots[n] <> '[]' then
      v_step_slots[n] := _slots_by_step(p_slots[n]);
    end if;
  end loop;
  -- No lanes for a template that starts nothing.
  select _ensure_lanes(array_agg(case when cardinality(p_templates) = 1 or s.no in (select w from unnest(p_which) w)
                                      then s.executor end),
                       array_agg(v_priorities[s.no]), true),
         bool_or(s.needs_approval or s.on_turn is not null)
    into v_lanes, v_asks
    from unnest(p_steps) s;

  -- One run of ids: the missions first, then the steps. The steps of a mission follow each other, so their position in
  -- the template gives their id.
  v_ids := array(select case when p_which[i] is not null then _nth_uuid_v7(v_run.start, v_run.tail, i) end
                   from generate_series(1, v_count) i);
  insert into ops_missions (id, proposal_id, title, priority, depth, approved_risk, auto_approved, steps_total,
                            steps_open, created_at, updated_at)
  select v_ids[i], p_proposal_ids[i], v_titles[p_which[i]], v_priorities[p_which[i]], coalesce(p_depths[i], 0),
         coalesce(array_position(_risk_levels(), p_risks[p_which[i]]), 3), p_auto_approved,
         v_sizes[p_which[i]], v_sizes[p_which[i]], v_now, v_now
    from generate_series(1, v_count) i
   where p_which[i] is not null;

  with stored as (
    insert into ops_mission_steps (
      id, mission_id, key, position, kind, executor, params, slots, depends_on, unblocks, waiting_on, status, priority,
      depth, lane, ready_seq, on_failure, on_lease_lost, timeout_seconds, max_retries, judged_generation,
      needs_approval, on_turn, created_at, updated_at)
    select _nth_uuid_v7(v_run.start, v_run.tail, m.before + (m.step).pos), v_ids[m.i], (m.step).key, (m.step).pos,
           (m.step).kind, (m.step).executor,
           case when (m.step).on_turn ? 'for_each'
                then jsonb_build_object('for_each', (m.step).on_turn -> 'for_each', 'params', (m.step).params)
                else (m.step).params end,
           case when v_step_slots[m.no] is null then null
                when (m.step).on_turn ? 'for_each' then _step_slots(p_slots[m.no], (m.step).pos)
                else v_step_slots[m.no] -> (m.step).pos::text end,
           case when cardinality((m.step).needs) = 0 then '{}'
                else array(select _nth_uuid_v7(v_run.start, v_run.tail, m.before + k)
                             from unnest((m.step).needs) k) end,
           case when cardinality((m.step).unblocks) = 0 then '{}'
                else array(select _nth_uuid_v7(v_run.start, v_run.tail, m.before + k)
                             from unnest((m.step).unblocks) k) end,
           cardinality((m.step).needs),
           case when cardinality((m.step).needs) = 0 and not (m.step).needs_approval and (m.step).on_turn is null
                then 'queued' else 'blocked' end,
           v_priorities[m.no], coalesce(p_depths[m.i], 0), v_lanes[m.s],
           case when cardinality((m.step).needs) = 0 and not (m.step).needs_approval and (m.step).on_turn is null
                then nextval('ops_ready_seq') end,
           (m.step).on_failure, (m.step).on_lease_lost, (m.step).timeout_seconds, (m.step).max_retries,
           -- The claim judges it however current the generation is.
           case when not (m.step).needs_approval then p_generation end,
           (m.step).needs_approval and not coalesce((m.step).on_turn ? 'for_each', false),
           case when (m.step).on_turn ? 'for_each'
                then (m.step).on_turn || jsonb_build_object('for_each', true, 'needs_approval', (m.step).needs_approval)
                else (m.step).on_turn end, v_now, v_now
      -- Offset 0: each step is taken out of its array once.
      from (select n.i, n.no, n.s, n.before, p_steps[n.s] as step
              from (select i, p_which[i] as no, v_count + (i - 1) * v_most as before,
                           generate_series(v_ends[p_which[i]] - v_sizes[p_which[i]] + 1, v_ends[p_which[i]]) as s
                      from generate_series(1, v_count) i) n
            offset 0) m
    returning id, lane, ready_seq
  )
  insert into ops_ready (lane, seq, id)
  select s.lane, s.ready_seq, s.id from stored s where s.ready_seq is not null;

  if v_asks then
    perform _listen(array(
      select s.id from ops_mission_steps s where s.mission_id = any (v_ids) and s.on_turn ? 'listens'
         and not s.on_turn ? 'for_each'));
    v_ready := _await_turn(array(
      select s.id from ops_mission_steps s
       where s.mission_id = any (v_ids) and s.waiting_on = 0 and s.status = 'blocked'));
    if v_ready is not null then
      perform _enqueue_steps(v_ready);
    end if;
  end if;
  perform _wake_workers();
  return v_ids;
end;
$$;
