create or replace function fn_trail(p_id uuid)
returns table (at timestamptz, what text, subject text, who text, detail text)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- How something came about and what it led to, oldest first: tick, event, reaction, proposal, votes, decision (with
-- login and policy versions), mission, attempts, acts of persons, its own events, its end. p_id: a mission, a proposal,
-- a step (then its mission) or an event. An event that a mission made leads back to that mission, and on to the
-- missions that came of it: ten generations each way, 100 missions and 1,000 steps; for each mission the 10,000 events
-- after its beginning are searched.
-- Locks: none. Writes: nothing. Raises: OP012, OP083 for an id that is none of these.
declare
  v_events uuid[] := '{}';
  v_proposals uuid[];
  v_missions uuid[];
  v_more uuid[];
begin
  v_missions := array(select m.id from ops_missions m where m.id = p_id
                      union select s.mission_id from ops_mission_steps s where s.id = p_id
                      union select m.id from ops_missions m where m.proposal_id = p_id);
  v_proposals := array(select p.id from ops_mission_proposals p where p.id = p_id);
  if v_missions = '{}' and v_proposals = '{}' then
    v_events := array(select e.id from _event(p_id) e);
    if v_events = '{}' then
      perform _raise_unknown('mission, proposal, step or event', p_id);
    end if;
  end if;

  -- Forward: its consequences.
  v_more := v_missions;
  for v_round in 1 .. 10 loop
    v_more := array(
      select p.id
        from (select v_events[1] as id where v_round = 1 and v_events <> '{}'
              union all
              select n.id
                from unnest(v_more) m (id)
               cross join lateral (select e.id, e.mission_id from ops_agent_events e
                                   where e.id > m.id order by e.id limit 10000) n
               where n.mission_id = m.id) e
        join ops_agent_reactions a on a.event_id = e.id
        join ops_mission_proposals p on p.id = a.proposal_id
      union
      select p.id
        from unnest(v_more) m (id)
        join ops_mission_steps s on s.mission_id = m.id
       cross join generate_series(1, 20) n
        join ops_mission_proposals p on p.dedupe_key = format('opsloop:step:%s:%s', s.id, n));
    v_proposals := v_proposals || v_more;
    v_more := array(select m.id from ops_missions m
                    where m.proposal_id = any (v_more) and m.id <> all (v_missions) limit 100);
    v_missions := v_missions || v_more;
    exit when v_more = '{}' or cardinality(v_missions) > 100;
  end loop;
  -- Backward: its causes.
  for v_round in 1 .. 10 loop
    v_proposals := v_proposals || array(select m.proposal_id from ops_missions m
                                         where m.id = any (v_missions) and m.proposal_id <> all (v_proposals));
    v_more := array(
      select distinct e.mission_id
        from (select n.id from unnest(v_events) n (id)
               union
              select p.event_id from ops_mission_proposals p
               where p.id = any (v_proposals) and p.event_id is not null) n
       cross join lateral _event(n.id) e
       where e.mission_id is not null and e.mission_id <> all (v_missions));
    exit when v_more = '{}';
    v_missions := v_missions || v_more;
  end loop;

  return query
  with proposal as materialized (
    select p.* from ops_mission_proposals p where p.id = any (v_proposals)
  ), mission as materialized (
    select m.* from ops_missions m where m.id = any (v_missions)
  ), step as materialized (
    select s.* from ops_mission_steps s
      where s.mission_id = any (v_missions) order by s.mission_id, s.position limit 1000
  ), following as (
    -- The events of these missions: ids are in order of time.
    select e.*
      from mission m
     cross join lateral (
       select n.* from (select f.* from ops_agent_events f where f.id > m.id order by f.id limit 10000) n
        where n.mission_id = m.id) e
  ), entry (at, no, what, subject, who, detail) as (
    select o.created_at, 0, 'schedule', k.of ->> 'name',
           coalesce(format('%s (login %s)', s.set_by, s.set_login), 'deleted since'),
           concat_ws('; ', 'tick ' || (k.of ->> 'tick'), t.cause || coalesce(' (login ' || t.login || ')', ''))
      from (select e.created_at, e.dedupe_key
              from (select n.id from unnest(v_events) n (id)
                     union
                    select p.event_id from proposal p where p.event_id is not null) n
             cross join lateral _event(n.id) e
             union all
            select p.created_at, p.dedupe_key from proposal p where p.reaction_id is null) o
     cross join lateral _schedule_of(o.dedupe_key) k (of)
      left join ops_schedules s on s.name = k.of ->> 'name'
      left join ops_schedule_ticks t on t.schedule = k.of ->> 'name' and t.tick = (k.of ->> 'tick')::timestamptz
     where k.of is not null
    union all
    select e.created_at, 1, 'event', e.type, coalesce('mission ' || e.mission_id::text, 'outside'), e.data::text
      from (select n.id from unnest(v_events) n (id)
             union
            select p.event_id from proposal p where p.event_id is not null) n
     cross join lateral _event(n.id) e
    union all
    select a.created_at, 2, 'reaction', a.pattern, 'reaction_matrix', concat_ws(': ', a.status, a.reason)
      from ops_agent_reactions a
     where a.event_id = any (v_events) or (a.event_id, a.id) in (select p.event_id, p.reaction_id from proposal p)
    union all
    select p.created_at, 3, 'proposal', p.title, format('%s (login %s)', p.source, p.proposed_login),
           format('risk %s; steps: %s', p.risk_level,
                  (select string_agg(format('%s (%s)', coalesce(s ->> 'key', 'step_' || o::text),
                                            coalesce(s ->> 'executor', s ->> 'kind')), ', ' order by o)
                     from jsonb_array_elements(p.template -> 'steps') with ordinality s (s, o)))
      from proposal p
    union all
    select v.created_at, 4, 'vote', p.title, format('%s (login %s)', v.agent_role, v.voted_login),
           concat_ws(': ', v.vote, v.reason)
      from proposal p
      join ops_proposal_votes v on v.proposal_id = p.id
       and (not v.decision or exists (select from ops_approvals a where a.proposal_id = p.id))
    union all
    select coalesce(p.approved_at, p.updated_at), 5, 'proposal ' || p.status, p.title,
           concat(p.decided_by, ' (login ' || p.decided_login || ')'),
           concat_ws('; ', p.reason, (select string_agg(format('%s version %s', k.key, k.value), ', ' order by k.key)
                                        from jsonb_each_text(p.policy_snapshot) k))
      from proposal p
     where p.decided_by is not null
    union all
    select m.created_at, 6, 'mission', m.title, null, format('%s, %s steps', m.id, m.steps_total)
      from mission m
    union all
    select r.completed_at, 7, 'attempt ' || r.status, format('%s (%s)', s.key, s.executor), r.worker_id,
           concat_ws('; ', format('attempt %s', r.attempt), format('began %s', r.started_at), r.error,
                     case when r.meta <> '{}' then r.meta::text end)
      from step s
     cross join lateral (select n.* from ops_action_runs n where n.step_id = s.id order by n.id limit 100) r
    union all
    select s.reserved_at, 7, 'attempt running', format('%s (%s)', s.key, s.executor), s.worker_id,
      format('attempt %s', s.attempt)
      from step s where s.status = 'running'
    union all
    select f.created_at, 8, f.type, coalesce(f.data ->> 'key', f.data ->> 'title'),
           case when f.data ? 'actor' then format('%s (login %s)', f.data ->> 'actor', f.data ->> 'login') end,
           case when f.type not like 'mission:%'
             then (f.data - array['step_id', 'mission_id', 'key', 'kind', 'executor', 'actor', 'login'])::text
                else coalesce(f.data ->> 'error', f.data ->> 'reason') end
      from following f
     -- Left out: events that repeat the attempts and the end of the mission.
     where f.type !~ '^(step:.*|mission):(succeeded|failed)$'
       and not exists (select from proposal p where p.event_id = f.id)
    union all
    select m.completed_at, 9, 'mission ' || m.status, m.title, null, m.error
      from mission m where m.completed_at is not null
  )
  select e.at, e.what, e.subject, e.who, e.detail from entry e order by e.at, e.no;
end;
$$;
comment on function fn_trail(uuid) is
  'How a mission, proposal, step or event came about and what came of it, oldest first: schedule, event, reaction, '
  'proposal, votes, decision with login and policy versions, attempts, what persons did, and the end. OPS_012 for an '
  'id that is none of these.';
