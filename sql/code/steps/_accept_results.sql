create or replace function _accept_results(p_ids uuid[], p_tokens uuid[], p_results jsonb[], p_usages jsonb[], p_running uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The hot half of a completion: one statement ends the steps whose token is right, records the attempts and counts
-- down the missions; then the steps they unblock are queued and the loop's own events are stored. Returns the steps
-- accepted, null for none. The caller holds the locks of the missions; only those in p_running go on.
-- Locks: the steps, and those it unblocks, under the locks of their missions. Writes: ops_mission_steps, ops_action_runs,
-- ops_missions, ops_agent_events, ops_ready. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_accepted uuid[];
  v_types text[];
  v_data jsonb[];
  v_mission_ids uuid[];
  v_depths integer[];
  v_unblocks uuid[];
  v_ready uuid[];
begin
  -- Nothing is joined but by primary key: what one part made of the batch is as long as the batch.
  with done as (
    update ops_mission_steps s
       set status = 'succeeded', result = c.result, lease_expires_at = null, updated_at = v_now
      from unnest(p_ids, p_tokens, p_results, p_usages) c (id, token, result, usage)
     where s.id = c.id and s.lease_token = c.token and s.status = 'running'
    returning s.id, s.mission_id, s.key, s.kind, s.executor, s.worker_id, s.attempt, s.reserved_at, s.lease_token,
              s.unblocks, s.depth, s.result, c.usage
  ), run as (
    insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at, meta)
    select _uuid_v7(), d.lease_token, d.id, d.executor, d.worker_id, d.attempt, 'succeeded', d.reserved_at, v_now,
           coalesce(jsonb_set('{}', '{usage}', d.usage), '{}')
      from done d
  ), finished as (
    update ops_missions m
       set steps_open = m.steps_open - d.n,
           status = case when m.steps_open = d.n and m.status = 'running' then 'succeeded' else m.status end,
           completed_at = case when m.steps_open = d.n and m.status = 'running' then v_now else m.completed_at end,
           updated_at = v_now
      from (select mission_id, count(*)::integer as n from done group by mission_id) d
     where m.id = d.mission_id
    returning m.id, m.title, m.proposal_id, m.status, m.steps_open, m.steps_total, m.depth
  ), event as (
    select 'step:' || d.kind || ':succeeded' as type,
           _step_event(d.id, d.mission_id, d.key, d.kind, d.executor, d.attempt, d.result, null) as data,
           d.mission_id, d.depth
      from done d
    union all
    select 'mission:succeeded', jsonb_build_object('mission_id', f.id, 'title', f.title, 'proposal_id', f.proposal_id,
             'steps_total', f.steps_total), f.id, f.depth
      from finished f
     where f.steps_open = 0 and f.status = 'succeeded'
  )
  select array_agg(e.type), array_agg(e.data), array_agg(e.mission_id), array_agg(e.depth),
         (select array_agg(u)
            from done d
           cross join lateral unnest(d.unblocks) u
           where d.unblocks <> '{}' and d.mission_id = any (p_running)),
         (select array_agg(d.id) from done d)
    into v_types, v_data, v_mission_ids, v_depths, v_unblocks, v_accepted
    from event e;
  if v_accepted is null then
    return null;
  end if;

  perform _emit_loop_events(v_types, v_data, v_mission_ids, v_depths);
  if v_unblocks is not null then
    v_ready := _unblock_steps(v_unblocks);
    if v_ready is not null then
      perform _enqueue_steps(v_ready);
    end if;
  end if;
  return v_accepted;
end;
$$;
