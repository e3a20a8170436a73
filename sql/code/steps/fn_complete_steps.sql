create or replace function fn_complete_steps(p_completions jsonb)
returns table (step_id uuid, outcome text)
language plpgsql
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Accepts results of steps, a batch at a time: step, attempt record, events, outbox rows, the steps they unblock and
-- the missions they finish commit together. A stale token changes nothing (OPS_006) but is kept as evidence; the same
-- completion sent twice is accepted once and answered alike.
-- Locks: missions, then the steps, then the steps they unblock, each in id order.
-- Writes: ops_mission_steps, ops_missions, ops_action_runs, ops_agent_events, ops_ready, outbox. Raises: OP018.
declare
  v_now timestamptz;
  v_ids uuid[];
  v_accepted uuid[];
  v_missions uuid[];
begin
  perform _check_reports(p_completions, 'p_completions');
  select array_agg(distinct c.step_id), array_agg(distinct s.mission_id)
    into v_ids, v_missions
    from jsonb_to_recordset(p_completions) c (step_id uuid)
    join ops_mission_steps s on s.id = c.step_id;
  perform from ops_missions m where m.id = any (v_missions) order by m.id for no key update;
  select array_agg(l.id) into v_accepted
    from (select s.id
            from ops_mission_steps s
            join jsonb_to_recordset(p_completions) c (step_id uuid, lease_token uuid)
              on c.step_id = s.id and c.lease_token = s.lease_token
           where s.id = any (v_ids) and s.status = 'running'
           order by s.id
             for no key update of s) l;

  if v_accepted is not null then
    v_now := _now();
    perform _accept_results(p_completions, v_accepted, v_now);
    perform _publish_reports(p_completions, v_accepted);
  end if;

  return query
  with given as (
    select distinct on (c.step_id, c.lease_token) c.step_id, c.lease_token, c.result, c.usage
      from jsonb_to_recordset(p_completions) c (step_id uuid, lease_token uuid, result jsonb, usage jsonb)
  ), answered as (
    select g.*, coalesce(s.lease_token = g.lease_token and s.status = 'succeeded', false) as ok
      from given g
      left join ops_mission_steps s on s.id = g.step_id
  ), evidence as (
    insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at, meta)
    select _uuid_v7(), a.lease_token, s.id, s.executor, null, s.attempt, 'fenced', null, _now(),
           jsonb_build_object('said', 'succeeded', 'result', a.result, 'usage', a.usage)
      from answered a
      join ops_mission_steps s on s.id = a.step_id
     where not a.ok
  )
  select a.step_id, case when a.ok then 'accepted' else 'OPS_006' end from answered a;
end;
$$;
comment on function fn_complete_steps(jsonb) is
  'Reports results [{"step_id", "lease_token", "result", "events", "outbox", "usage"}] of leased steps; each is accepted or OPS_006 (the lease is lost; nothing changed but the evidence). Sending the same again is answered alike. OPS_018 for a malformed batch.';
