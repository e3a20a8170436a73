create or replace function _start_missions(
  p_proposal_ids uuid[],
  p_which integer[],
  p_depths integer[],
  p_templates jsonb[],
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
-- blocked. Proposal i has p_templates[p_which[i]], whose digest was approved, with its slots and the risk that the
-- approval covers; null in p_which starts nothing. Returns the ids of the missions, null for none. p_generation: the policy
-- generation that the templates were judged under.
-- Locks: none but the rows it makes. Writes: ops_missions, ops_mission_steps, ops_lanes, ops_ready. Raises: nothing.
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
  v_pos integer[];
  v_keys text[];
  v_kinds text[];
  v_executors text[];
  v_params jsonb[];
  v_slots jsonb[];
  v_needs text[];
  v_unblocks text[];
  v_waiting_on integer[];
  v_timeouts integer[];
  v_retries integer[];
  v_on_failure text[];
  v_on_lease_lost text[];
  v_step_priorities smallint[];
  v_lane_executors text[];
  v_lanes integer[];
begin
  -- What is the same for all missions of a template is worked out once. The steps of all templates stand behind each
  -- other, one array for each property; those of template n are v_sizes[n] and end at v_ends[n].
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
  -- Arrays of arrays cannot be of different lengths: needs and unblocks are kept as text.
  select array_agg(s.pos), array_agg(s.key), array_agg(s.kind), array_agg(s.executor), array_agg(s.params),
         array_agg(v_step_slots[s.no] -> s.pos::text),
         array_agg(s.needs::text), array_agg(s.unblocks::text), array_agg(cardinality(s.needs)),
         array_agg(s.timeout_seconds), array_agg(s.max_retries), array_agg(s.on_failure), array_agg(s.on_lease_lost),
         array_agg(v_priorities[s.no]),
         array_agg(case when cardinality(p_templates) = 1 or s.no in (select w from unnest(p_which) w) then s.executor end)
    into v_pos, v_keys, v_kinds, v_executors, v_params, v_slots, v_needs, v_unblocks, v_waiting_on, v_timeouts, v_retries,
         v_on_failure, v_on_lease_lost, v_step_priorities, v_lane_executors
    from _template_steps(p_templates) s;
  v_lanes := _ensure_lanes(v_lane_executors, v_step_priorities);

  -- One run of ids: the missions first, then the steps. Those of a mission follow each other, so a place is all it takes
  -- to name a step of the same mission.
  v_ids := array(select case when p_which[i] is not null then _nth_uuid_v7(v_run.start, v_run.tail, i) end
                   from generate_series(1, v_count) i);
  insert into ops_missions (id, proposal_id, title, priority, depth, approved_risk, auto_approved, steps_total,
                            steps_open, created_at, updated_at)
  select v_ids[i], p_proposal_ids[i], v_titles[p_which[i]], v_priorities[p_which[i]], coalesce(p_depths[i], 0),
         case p_risks[p_which[i]] when 'low' then 1 when 'medium' then 2 else 3 end, p_auto_approved,
         v_sizes[p_which[i]], v_sizes[p_which[i]], v_now, v_now
    from generate_series(1, v_count) i
   where p_which[i] is not null;

  with stored as (
    insert into ops_mission_steps (
      id, mission_id, key, position, kind, executor, params, slots, depends_on, unblocks, waiting_on, status, priority,
      depth, lane, ready_seq, on_failure, on_lease_lost, timeout_seconds, max_retries, judged_generation, created_at, updated_at)
    select _nth_uuid_v7(v_run.start, v_run.tail, m.before + v_pos[s]), v_ids[i], v_keys[s], v_pos[s], v_kinds[s],
           v_executors[s], v_params[s], v_slots[s],
           case when v_waiting_on[s] = 0 then '{}'
                else array(select _nth_uuid_v7(v_run.start, v_run.tail, m.before + k) from unnest(v_needs[s]::integer[]) k) end,
           case when v_unblocks[s] = '{}' then '{}'
                else array(select _nth_uuid_v7(v_run.start, v_run.tail, m.before + k) from unnest(v_unblocks[s]::integer[]) k) end,
           v_waiting_on[s], case when v_waiting_on[s] = 0 then 'queued' else 'blocked' end, v_step_priorities[s],
           coalesce(p_depths[i], 0), v_lanes[s], case when v_waiting_on[s] = 0 then nextval('ops_ready_seq') end,
           v_on_failure[s], v_on_lease_lost[s], v_timeouts[s], v_retries[s], p_generation, v_now, v_now
      from (select i, v_count + (i - 1) * v_most as before,
                   generate_series(v_ends[p_which[i]] - v_sizes[p_which[i]] + 1, v_ends[p_which[i]]) as s
              from generate_series(1, v_count) i) m
    returning id, lane, ready_seq
  )
  insert into ops_ready (lane, seq, id)
  select s.lane, s.ready_seq, s.id from stored s where s.ready_seq is not null;

  perform _wake_workers();
  return v_ids;
end;
$$;
