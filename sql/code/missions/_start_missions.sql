create or replace function _start_missions(p_proposal_ids uuid[], p_epoch integer)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Makes the missions of proposals that were just approved, with all their steps: those without dependencies queued,
-- the others blocked. What runs is the template whose digest was approved. p_epoch: the policy epoch it was judged
-- under, read before the policy was.
-- Locks: none but the rows it makes. Writes: ops_missions, ops_mission_steps, ops_lanes, ops_ready. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_executors text[];
  v_priorities smallint[];
begin
  select array_agg(s.executor), array_agg(p.priority)
    into v_executors, v_priorities
    from (select distinct on (q.template_digest) q.template, q.priority
            from ops_mission_proposals q where q.id = any (p_proposal_ids)) p
   cross join lateral _template_steps(p.template) s;
  perform _ensure_lanes(v_executors, v_priorities);

  with mission as (
    insert into ops_missions (id, proposal_id, title, priority, depth, approved_risk, auto_approved, steps_total,
                              steps_open, created_at, updated_at)
    select _uuid_v7(), p.id, p.title, p.priority, p.depth,
           case p.risk_level when 'low' then 1 when 'medium' then 2 else 3 end,
           p.status = 'auto_approved', jsonb_array_length(p.template -> 'steps'),
           jsonb_array_length(p.template -> 'steps'), v_now, v_now
      from unnest(p_proposal_ids) with ordinality n (id, ord)
      join ops_mission_proposals p on p.id = n.id
     order by n.ord
    returning id, proposal_id, priority, depth
  ), template_step as materialized (
    -- A template that many proposals share is taken apart once.
    select t.template_digest, l.lane, s.*
      from (select distinct on (p.template_digest) p.template_digest, p.template, p.priority
              from ops_mission_proposals p where p.id = any (p_proposal_ids)) t
     cross join lateral _template_steps(t.template) s
     cross join lateral (select min(n.lane) as lane from ops_lanes n
                           where n.queue = 'steps' and n.executor = s.executor and n.priority = t.priority) l
  ), step as materialized (
    select _uuid_v7() as id, m.id as mission_id, n.ord, m.priority, m.depth, p.slots as all_slots, s.*
      from mission m
      join unnest(p_proposal_ids) with ordinality n (id, ord) on n.id = m.proposal_id
      join ops_mission_proposals p on p.id = m.proposal_id
      join template_step s on s.template_digest = p.template_digest
  ), edge as materialized (
    select s.id as step_id, d.id as needs_id
      from step s
     cross join lateral unnest(s.depends_on) k
      join step d on d.mission_id = s.mission_id and d.key = k
  ), needs as (
    select e.step_id, array_agg(e.needs_id) as ids from edge e group by e.step_id
  ), needed as (
    select e.needs_id, array_agg(e.step_id) as ids from edge e group by e.needs_id
  ), ready as (
    select r.id, nextval('ops_ready_seq') as seq
      from (select s.id from step s
             where cardinality(s.depends_on) = 0
             order by s.ord, s.pos) r
  ), stored as (
    insert into ops_mission_steps (
      id, mission_id, key, position, kind, executor, params, slots, depends_on, unblocks, waiting_on, status, priority,
      depth, lane, ready_seq, on_failure, on_lease_lost, timeout_seconds, max_retries, judged_epoch, created_at, updated_at)
    select s.id, s.mission_id, s.key, s.pos, s.kind, s.executor, s.params,
           case when s.all_slots <> '[]' then _step_slots(s.all_slots, s.pos) end,
           coalesce(n.ids, '{}'), coalesce(u.ids, '{}'), coalesce(cardinality(n.ids), 0),
           case when r.id is null then 'blocked' else 'queued' end, s.priority,
           s.depth, s.lane, r.seq, s.on_failure, s.on_lease_lost, s.timeout_seconds, s.max_retries, p_epoch, v_now, v_now
      from step s
      left join needs n on n.step_id = s.id
      left join needed u on u.needs_id = s.id
      left join ready r on r.id = s.id
    returning id, lane, ready_seq
  )
  insert into ops_ready (lane, seq, id)
  select s.lane, s.ready_seq, s.id from stored s where s.ready_seq is not null;

  perform _wake_workers();
end;
$$;
