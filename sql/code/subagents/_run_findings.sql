create or replace function _run_findings(p_run sub_agent_runs)
returns table (
  code text,
  priority integer,
  step_id uuid,
  status text,
  attempt integer,
  verdict text,
  confidence numeric,
  finding jsonb,
  reason text,
  seconds numeric
)
language plpgsql
stable
set search_path from current
as $$
-- The finding of each sub-agent of a run. status: that of its step, reused for a result of the same hour that stands
-- for it, missing when neither is there. verdict: null when it has none; BLOCKED when one that it needs failed. reason:
-- why it has no verdict.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select a.key, (a.value ->> 'priority')::integer, s.id, t.status, s.attempt,
         case t.status when 'reused' then r.verdict when 'succeeded' then f.found ->> 'verdict'
                       when 'cancelled' then 'BLOCKED' end,
         case t.status when 'reused' then r.confidence
                       when 'succeeded' then (f.found ->> 'confidence')::numeric end,
         case t.status when 'reused' then r.metadata -> 'finding' when 'succeeded' then f.found -> 'finding' end,
         case t.status when 'missing' then 'its result is gone'
                       when 'failed' then s.last_error
                       when 'cancelled' then s.wait_reason
                       when 'reused' then case when r.verdict is null then 'it gave no readable verdict' end
                       when 'succeeded' then case when f.found -> 'verdict' = 'null' then
                         'it gave no readable verdict' end
                       else 'it is ' || t.status end,
         case t.status when 'reused' then r.execution_time else l.seconds end
    from jsonb_each(p_run.agents) a
    left join ops_missions m on m.proposal_id = p_run.proposal_id
    left join ops_mission_steps s
      on s.mission_id = m.id and s.key = a.key and a.value -> 'result_id' = 'null'
    left join sub_agent_execution_results r on r.id = (a.value ->> 'result_id')::uuid
    left join ops_mission_proposals p on p.id = p_run.proposal_id and m.id is null
   cross join lateral (select coalesce(s.status, case when r.id is not null then 'reused' end, p.status,
                                       'missing') as status) t
   cross join lateral (select case when t.status = 'succeeded' then _sub_agent_finding(s.result) end as found) f
    left join lateral (
      select round(extract(epoch from _time_between(n.started_at, n.completed_at)), 3) as seconds
        from ops_action_runs n
       where n.step_id = s.id and n.attempt = s.attempt and n.started_at is not null
       order by n.completed_at desc
       limit 1) l on true;
end;
$$;
