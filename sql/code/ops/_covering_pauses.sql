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
  select distinct on (s.id) s.id, p.scope, p.target
    from unnest(p_step_ids) n (id)
    join ops_mission_steps s on s.id = n.id
    left join ops_missions m on m.id = s.mission_id
    left join ops_mission_proposals r on r.id = m.proposal_id
   cross join lateral (values
     ('kind', s.kind),
     ('mission', s.mission_id::text),
     ('source', r.source),
     ('agent', coalesce(p_params -> s.id::text, s.params) ->> 'role'),
     ('agent', substring(r.source from '^agent:(.+)$'))) c (scope, target)
    join ops_pauses p on p.scope = c.scope and p.target = c.target
   order by s.id, p.paused_at, p.scope, p.target;
end;
$$;
