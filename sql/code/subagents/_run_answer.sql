create or replace function _run_answer(p_run sub_agent_runs, p_hit boolean)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The answer to a request for sub-agents: the run, the outcome of its proposal, which of them it runs, and which
-- results stand for the others.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select jsonb_build_object(
             'run_id', p_run.id, 'sd_id', p_run.sd_id, 'phase', p_run.phase, 'session_id', p_run.session_id,
             'proposal_id', p_run.proposal_id, 'mission_id', m.id, 'status', coalesce(p.status, 'nothing_to_run'),
             'reason', case when p_run.agents = '{}' then 'no sub-agent is required'
                            when p_run.proposal_id is null then 'each has a result of this hour'
                            else p.reason end,
             'agents', coalesce(a.run, '[]'), 'reused', coalesce(a.reused, '{}'), 'idempotent_hit', p_hit)
      from (select jsonb_agg(e.key order by e.key) filter (where e.value -> 'result_id' = 'null') as run,
                   jsonb_object_agg(e.key, e.value -> 'result_id') filter (where e.value -> 'result_id' <> 'null')
                     as reused
              from jsonb_each(p_run.agents) e) a
      left join ops_mission_proposals p on p.id = p_run.proposal_id
      left join ops_missions m on m.proposal_id = p.id);
end;
$$;
