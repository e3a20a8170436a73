create or replace function _accept_results(p_ids uuid[], p_tokens uuid[], p_results jsonb[], p_usages jsonb[],
                                           p_running uuid[],
                                           p_epoch integer)
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The hot half of a completion. One statement ends the steps whose token and epoch are right, records their attempts,
-- counts down their missions and stores the events that a pattern watches or a step waits for; then the steps that they
-- unblock are queued. An event that no pattern watches is not stored: ops_events derives it from step, attempt and
-- mission. The event of a step has the id of its attempt, so that the view knows it. (Other routines store events by
-- _emit_loop_events; here the arrays that it takes would cost as much as the rows.) Returns the steps accepted, null
-- for none. The caller holds the locks of the missions; only in missions of p_running are further steps queued.
-- Locks: the steps, and those it unblocks, under the locks of their missions. Writes: ops_mission_steps,
-- ops_action_runs, ops_missions, ops_agent_events, ops_ready. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_watched text[] := _watched_types(_policy('reaction_matrix')) || _awaited_types();
  v_tell boolean := 'mission:succeeded' like any (v_watched);
  v_accepted uuid[];
  v_unblocks uuid[];
  v_parents uuid[];
  v_ready uuid[];
begin
  if v_watched <> '{}' then
    perform _announce();
    perform _wake_sleepers();
  end if;
  -- Plans 2 in both updates. An update by ctid would be cheaper, but only rows that are locked already may be updated
  -- so.
  with done as (
    update ops_mission_steps s
       set status = 'succeeded', result = c.result, lease_expires_at = null, updated_at = v_now
      from rows from (unnest(p_ids), unnest(p_tokens), unnest(p_results), unnest(p_usages),
                      -- Plans 7: estimated at 1,000 rows, it is hashed; at ten, it would be read again for each step.
                      generate_series(1, cardinality(p_ids))) c (id, token, result, usage, n)
     where s.id = c.id and s.id = any (p_ids) and s.lease_token = c.token and s.status = 'running'
        and s.lease_epoch = p_epoch
    returning s.id, s.mission_id, s.key, s.kind, s.executor, s.worker_id, s.attempt, s.reserved_at, s.lease_token,
              s.unblocks, s.depth, s.result, c.usage, _uuid_v7() as attempt_id
  ), run as (
    insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at,
                                 meta)
    select d.attempt_id, d.lease_token, d.id, d.executor, d.worker_id, d.attempt, 'succeeded', d.reserved_at, v_now,
           case when d.usage is null then '{}' else jsonb_build_object('usage', d.usage) end
      from done d
  ), finished as (
    update ops_missions m
       set steps_open = m.steps_open - d.n,
           status = case when m.steps_open = d.n and m.status = 'running' then 'succeeded' else m.status end,
           completed_at = case when m.steps_open = d.n and m.status = 'running' then v_now else m.completed_at end,
           end_told = v_tell,
           updated_at = v_now
      from (select u.mission_id, count(*)::integer as n
              -- Plans 7: done itself is estimated at one row
              from unnest(array(select o.mission_id from done o)) u (mission_id)
             group by u.mission_id) d
     where m.id = d.mission_id and m.id = any (array(select o.mission_id from done o))
    returning m.id, m.title, m.proposal_id, m.status, m.steps_open, m.steps_total, m.depth, m.parent_step_id
  ), event as (
    insert into ops_agent_events (id, type, data, mission_id, depth, ready_seq, processed_at, created_at)
    select e.id, e.type, e.data, e.mission_id, e.depth + 1, nextval('ops_ready_seq'), null, v_now
      from (select d.attempt_id as id, 'step:' || d.kind || ':succeeded' as type,
                   _step_event(d.id, d.mission_id, d.key, d.kind, d.executor, d.attempt, d.result, null) as data,
                   d.mission_id, d.depth
              from done d
             where v_watched <> '{}' and 'step:' || d.kind || ':succeeded' like any (v_watched)
            union all
            select _uuid_v7(), 'mission:succeeded',
                   _mission_event(f.id, f.title, f.proposal_id, f.steps_total), f.id, f.depth
              from finished f
             where v_tell and f.steps_open = 0 and f.status = 'succeeded') e
    returning id, ready_seq
  ), looked_for as (
    insert into ops_ready (lane, seq, id)
    select _lane_of('events'), e.ready_seq, e.id from event e
  )
  select array_agg(d.id), (select array_agg(u)
                             from done o
                            cross join lateral unnest(o.unblocks) u
                            where o.unblocks <> '{}' and o.mission_id = any (p_running)),
         (select array_agg(f.parent_step_id) from finished f where f.parent_step_id is not null and f.steps_open = 0)
    into v_accepted, v_unblocks, v_parents
    from done d;
  if v_unblocks is not null then
    v_ready := _unblock_steps(v_unblocks);
    if v_ready is not null then
      perform _enqueue_steps(v_ready);
    end if;
  end if;
  if v_parents is not null then
    perform _tell_parents(v_parents);
  end if;
  return v_accepted;
end;
$$;
