create or replace function fn_sub_agent_summary(p_mission_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- The findings of all sub-agents of a mission, or of a run (run_id). It is a gate result as it stands. An agent
-- without a verdict that can be read counts as BLOCKED, whatever kept it from giving one: it never passes. One without
-- a confidence counts as 0.
-- Locks: none. Writes: nothing. Raises: OP012 when there is no such mission or run.
declare
  v_run sub_agent_runs;
  v_all record;
  v_verdict text;
  v_passed boolean;
begin
  select r.* into v_run
    from sub_agent_runs r
   where r.id = p_mission_id
      or r.proposal_id = (select m.proposal_id from ops_missions m where m.id = p_mission_id);
  if not found then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: %s is no mission of sub-agents', coalesce(p_mission_id::text, 'null')),
      detail = jsonb_build_object('mission_id', p_mission_id)::text,
      hint = 'Give the mission_id or run_id that fn_orchestrate_sub_agents answered.';
  end if;

  select count(*) as n,
         coalesce(bool_or(coalesce(f.verdict, 'BLOCKED') = 'BLOCKED' or (f.verdict = 'FAIL' and f.priority >= 70)),
                  false) as blocked,
         coalesce(bool_or(f.verdict = 'FAIL'), false) as failed,
         coalesce(bool_or(f.verdict = 'WARNING'), false) as warned,
         coalesce(floor(avg(coalesce(f.confidence, 0))), 100) as confidence,
         count(*) filter (where f.status not in ('succeeded', 'failed', 'cancelled', 'reused', 'missing', 'rejected',
                                                 'expired')) as open,
         coalesce(jsonb_agg(format('sub-agent %s (%s): %s%s', f.code, f.level, coalesce(f.verdict, 'no verdict'),
                                   ': ' || f.reason) order by f.priority desc, f.code)
                    filter (where coalesce(f.verdict, 'BLOCKED') in ('FAIL', 'BLOCKED')), '[]') as issues,
         coalesce(jsonb_agg(format('sub-agent %s (%s): %s', f.code, f.level, f.verdict)
                            order by f.priority desc, f.code)
                    filter (where f.verdict = 'WARNING'), '[]')
         || coalesce(jsonb_agg(format('sub-agent %s gave no confidence: it counts as 0', f.code) order by f.code)
                       filter (where f.verdict is not null and f.verdict <> 'BLOCKED' and f.confidence is null), '[]')
           as warnings,
         coalesce(jsonb_object_agg(f.code, jsonb_build_object(
           'verdict', f.verdict, 'confidence', f.confidence, 'priority', f.priority, 'level', f.level,
           'status', f.status, 'reason', f.reason, 'execution_time', f.seconds, 'step_id', f.step_id,
           'finding', f.finding)), '{}') as agents
    into v_all
    from (select r.*, case when r.priority >= 90 then 'critical' when r.priority >= 70 then 'high'
                           else 'normal' end as level
            from _run_findings(v_run) r) f;
  v_verdict := case when v_all.n = 0 then 'PASS' when v_all.blocked then 'BLOCKED'
                    when v_all.failed then 'CONDITIONAL_PASS' when v_all.warned then 'WARNING' else 'PASS' end;
  v_passed := v_verdict <> 'BLOCKED';
  return jsonb_build_object(
    'passed', v_passed, 'score', case when v_passed then v_all.confidence else 0 end, 'maxScore', 100,
    'issues', v_all.issues, 'warnings', v_all.warnings, 'verdict', v_verdict, 'confidence', v_all.confidence,
    'complete', v_all.open = 0, 'reason', case when v_all.n = 0 then 'no sub-agent is required' end,
    'sd_id', v_run.sd_id, 'phase', v_run.phase, 'run_id', v_run.id, 'agents', v_all.agents);
end;
$$;
comment on function fn_sub_agent_summary(uuid) is
  'The findings of all sub-agents of a mission, or of a run_id, as a result for a gate: {"passed", "score", '
  '"maxScore", "issues", "warnings", "verdict": PASS, WARNING, CONDITIONAL_PASS or BLOCKED, "confidence": their '
  'average, rounded down, "complete", "reason", "agents": by code}. A FAIL of priority 70 and more, a BLOCKED and a '
  'missing verdict block. OPS_012 when there is no such mission or run.';
