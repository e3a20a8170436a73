create or replace function _accept_results(p_completions jsonb, p_accepted uuid[], p_now timestamptz)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The hot half of a completion: one statement ends the steps, records the attempts and counts down the missions;
-- then the steps they unblock are queued and the loop's own events are stored. The caller holds the locks.
-- Locks: the steps it unblocks, under the locks of their missions. Writes: ops_mission_steps, ops_action_runs,
-- ops_missions, ops_agent_events, ops_ready. Raises: nothing.
declare
  v_types text[];
  v_data jsonb[];
  v_mission_ids uuid[];
  v_depths integer[];
  v_unblocks uuid[];
  v_ready uuid[];
begin
  with done as (
    update ops_mission_steps s
       set status = 'succeeded', result = c.result, lease_expires_at = null, updated_at = p_now
      from jsonb_to_recordset(p_completions) c (step_id uuid, lease_token uuid, result jsonb, usage jsonb)
     where s.id = c.step_id and s.lease_token = c.lease_token and s.id = any (p_accepted) and s.status = 'running'
    returning s.id, s.mission_id, s.key, s.kind, s.executor, s.worker_id, s.attempt, s.reserved_at, s.lease_token,
              s.unblocks, s.result, c.usage
  ), run as (
    insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at, meta)
    select _uuid_v7(), d.lease_token, d.id, d.executor, d.worker_id, d.attempt, 'succeeded', d.reserved_at, p_now,
           case when d.usage is null then '{}' else jsonb_build_object('usage', d.usage) end
      from done d
  ), finished as (
    update ops_missions m
       set steps_open = m.steps_open - d.n,
           status = case when m.steps_open = d.n and m.status = 'running' then 'succeeded' else m.status end,
           completed_at = case when m.steps_open = d.n and m.status = 'running' then p_now else m.completed_at end,
           updated_at = p_now
      from (select mission_id, count(*)::integer as n from done group by mission_id) d
     where m.id = d.mission_id
    returning m.id, m.title, m.proposal_id, m.status, m.steps_open, m.steps_total, m.depth
  ), event as (
    select 1 as sort, 'step:' || d.kind || ':succeeded' as type, _step_event(d.id, d.mission_id, d.key, d.kind, d.executor,
             d.attempt, d.result, null) as data, d.mission_id, f.depth
      from done d
      join finished f on f.id = d.mission_id
    union all
    select 2, 'mission:succeeded', jsonb_build_object('mission_id', f.id, 'title', f.title, 'proposal_id', f.proposal_id,
             'steps_total', f.steps_total), f.id, f.depth
      from finished f
     where f.steps_open = 0 and f.status = 'succeeded'
  )
  select array_agg(e.type order by e.sort), array_agg(e.data order by e.sort), array_agg(e.mission_id order by e.sort),
         array_agg(e.depth order by e.sort),
         (select array_agg(u) from done d join finished f on f.id = d.mission_id and f.status = 'running'
           cross join lateral unnest(d.unblocks) u)
    into v_types, v_data, v_mission_ids, v_depths, v_unblocks
    from event e;

  perform _emit_loop_events(v_types, v_data, v_mission_ids, v_depths);
  if v_unblocks is not null then
    v_ready := _unblock_steps(v_unblocks);
    if v_ready is not null then
      perform _enqueue_steps(v_ready);
    end if;
  end if;
end;
$$;
