create or replace function _covering_pauses(p_step_ids uuid[], p_rendered jsonb default '{}')
returns table (step_id uuid, scope text, target text, parks boolean)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- The pauses that cover these steps: a row for each step and pause, the oldest pause of a step first. p_rendered: by
-- id, the params of steps whose placeholders have been filled ({"<id>": {"role": …}}), as they name the agent of a
-- step.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_policy jsonb := _policy('worker_policy');
begin
  return query
  select n.id, p.scope, p.target, p.parks
    from unnest(p_step_ids) n (id)
    -- Plans 1
   cross join lateral (
     select t.id, t.mission_id, t.kind, t.executor, t.params from ops_mission_steps t where t.id = n.id limit 1) s
    left join lateral (select t.proposal_id from ops_missions t where t.id = s.mission_id limit 1) m on true
    left join lateral (select t.source from ops_mission_proposals t where t.id = m.proposal_id limit 1) r on true
   cross join lateral (
     values
       ('all', ''),
       ('move', ''),
       ('kind', s.kind),
       ('mission', s.mission_id::text),
       ('source', r.source),
       ('agent', coalesce(p_rendered -> s.id::text, s.params) ->> 'role'),
       ('agent', substring(r.source from '^agent:(.+)$'))
     union
     select 'executor', e from unnest(_executor_names(s.executor, v_policy)) e) c (scope, target)
    join ops_pauses p on p.scope = c.scope and p.target = c.target
   order by n.id, p.paused_at, p.scope, p.target;
end;
$$;
