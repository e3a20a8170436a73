create or replace function _duty_subagents()
returns void
language plpgsql
set search_path from current
as $$
-- For each heartbeat: stores the result of each step of a sub-agent that has ended, one by one, and closes a run when
-- all have. Only what a step gave stands for it within the hour; a failed or cancelled one runs again when asked for
-- again. A run whose directive, mission or proposal is gone is closed. One on whose data that fails is set aside, and
-- stops no other.
-- Locks: runs, SKIP LOCKED; those of fn_store_sub_agent_result. Writes: sub_agent_runs, sub_agent_execution_results,
-- ops_strays. Raises: errors not caused by the data.
declare
  v_run sub_agent_runs;
  v_directive boolean;
  v_open boolean;
  v_message text;
begin
  for v_run in
    select r.* from sub_agent_runs r where r.open and _not_aside(array[r.id]) is not null order by r.id
       for update skip locked
  loop
    begin
      v_directive := exists (select from strategic_directives d where d.id = v_run.sd_id);
      perform fn_store_sub_agent_result(
                v_run.sd_id, f.code, v_run.phase, v_run.session_id, f.verdict, f.confidence, f.seconds,
                jsonb_build_object('finding', f.finding, 'reason', f.reason, 'attempt', f.attempt, 'run_id', v_run.id),
                f.status <> 'succeeded' or v_run.forced
                or exists (select from sub_agent_execution_results k
                            where k.idempotency_key
                                  = fn_idempotency_key(f.code, array[v_run.sd_id, v_run.session_id, v_run.phase])),
                m.id, f.step_id)
         from _run_findings(v_run) f
         join ops_missions m on m.proposal_id = v_run.proposal_id
        where v_directive and f.status in ('succeeded', 'failed', 'cancelled')
          and not exists (select from sub_agent_execution_results r
                           where r.mission_id = m.id and r.step_id = f.step_id
                             and r.metadata -> 'attempt' = to_jsonb(f.attempt));
      select exists (select from ops_mission_proposals p
                      where p.id = v_run.proposal_id and p.status in ('pending', 'voting'))
             or exists (select from ops_missions m
                         where m.proposal_id = v_run.proposal_id
                           and (m.status in ('approved', 'running')
                                or exists (select from ops_mission_steps s
                                            where s.mission_id = m.id and s.status = 'running')))
        into v_open;
      if not (v_open and v_directive) then
        update sub_agent_runs r set open = false where r.id = v_run.id;
      end if;
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      get stacked diagnostics v_message = message_text;
      perform _set_aside('sub_agent_runs', v_run.id, v_run.id::text, sqlstate, v_message);
    end;
  end loop;
end;
$$;
