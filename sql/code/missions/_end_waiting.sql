create or replace function _end_waiting(
  p_step ops_mission_steps,
  p_outcome text,
  p_result jsonb,
  p_actor text,
  p_note text,
  p_reason text
)
returns void
language plpgsql
set search_path from current
as $$
-- Ends a waiting step by the decision of a person: succeeded lets the mission go on with p_result, failed fails the
-- step for good. A worker that still holds its lease is fenced. The caller holds the mission and its steps.
-- Locks: none of its own. Writes: ops_mission_steps, ops_missions, ops_action_runs, ops_agent_events, ops_ready,
-- ops_parked_steps, dead_letter_archive. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_ready uuid[];
begin
  perform _record_attempts(
    array[p_step.id], p_outcome, v_now, array[case when p_outcome = 'failed' then p_note end], null, array[_uuid_v7()],
    array[jsonb_build_object('resolved_by', p_actor, 'login', _acting_login(), 'reason', p_reason)], p_actor);
  update ops_mission_steps s
     set lease_token = null, wait_reason = null, updated_at = v_now,
         status = case p_outcome when 'succeeded' then 'succeeded' else s.status end,
         result = case p_outcome when 'succeeded' then p_result else s.result end
   where s.id = p_step.id;
  update ops_missions m
     set status = 'running', started_at = v_now, updated_at = v_now
   where m.id = p_step.mission_id and m.status = 'approved';
  perform _unpark_steps(array[p_step.id]);
  if p_outcome = 'failed' then
    perform _fail_for_good(array[p_step.id], array[p_note], null);
    return;
  end if;
  perform _emit_loop_events(array['step:' || p_step.kind || ':succeeded'],
    array[_step_event(p_step.id, p_step.mission_id, p_step.key, p_step.kind, p_step.executor, p_step.attempt,
                      p_result, null)
          || jsonb_build_object('resolved_by', p_actor, 'login', _acting_login())],
    array[p_step.mission_id], array[(select m.depth from ops_missions m where m.id = p_step.mission_id)],
    _acting_login());
  v_ready := _unblock_steps(p_step.unblocks);
  if v_ready is not null then
    perform _enqueue_steps(v_ready);
  end if;
  perform _settle_missions(array[p_step.mission_id]);
end;
$$;
