create or replace function _covering_pauses(p_step_ids uuid[], p_params jsonb default '{}')
returns table (step_id uuid, scope text, target text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Which of these steps a pause by kind, source, agent or mission covers, each with the oldest such pause. p_params:
-- by id, whom the steps are for whose placeholders have been filled ({"<id>": {"role": …}}).
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select distinct on (n.id) n.id, p.scope, p.target
    from unnest(p_step_ids) n (id)
    -- Each looked up by its key, limit 1: as plain joins they would be walks over whole tables where these were empty when
    -- their statistics were taken.
   cross join lateral (select t.id, t.mission_id, t.kind, t.params from ops_mission_steps t where t.id = n.id limit 1) s
    left join lateral (select t.proposal_id from ops_missions t where t.id = s.mission_id limit 1) m on true
    left join lateral (select t.source from ops_mission_proposals t where t.id = m.proposal_id limit 1) r on true
   cross join lateral (values
     ('kind', s.kind),
     ('mission', s.mission_id::text),
     ('source', r.source),
     ('agent', coalesce(p_params -> s.id::text, s.params) ->> 'role'),
     ('agent', substring(r.source from '^agent:(.+)$'))) c (scope, target)
    join ops_pauses p on p.scope = c.scope and p.target = c.target
   order by n.id, p.paused_at, p.scope, p.target;
end;
$$;
