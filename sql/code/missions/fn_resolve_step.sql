create or replace function fn_resolve_step(
  p_step_id uuid,
  p_outcome text,
  p_actor text default null,
  p_reason text default null,
  p_result jsonb default null
)
returns text
language plpgsql
security definer
set search_path from current
as $$
-- The decision of a person how a waiting step ended: outcome succeeded lets the mission go on with p_result, failed
-- fails the step for good. A worker that still holds its lease is fenced. What the mission causes from then on is the
-- login's proposal as well.
-- Locks: the mission, then its steps in id order. Writes: ops_mission_steps, ops_missions, ops_action_runs,
-- ops_agent_events, ops_ready, ops_parked_steps, dead_letter_archive, ops_audit_log. Raises: OP012, OP083 unknown,
-- OP014 not
-- waiting, OP015 own proposal, OP018 no such outcome.
declare
  v_actor text := coalesce(p_actor, _acting_login());
  v_step ops_mission_steps;
  v_asked ops_mission_proposals;
begin
  if p_outcome is null or p_outcome not in ('succeeded', 'failed') then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: outcome %s is not valid', quote_nullable(p_outcome)),
      hint = 'A step is resolved as succeeded or failed.';
  end if;
  perform _check_size('p_result', p_result, 'result_bytes');
  perform _lock_mission((select s.mission_id from ops_mission_steps s where s.id = p_step_id));
  select * into v_step from ops_mission_steps where id = p_step_id;
  if not found then
    perform _raise_unknown('step', p_step_id);
  end if;
  if v_step.status <> 'waiting' then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: step %s is %s; only a waiting step can be resolved', v_step.id, v_step.status),
      hint = 'Use fn_retry_step for a failed step, fn_cancel_mission for a running one.';
  end if;

  perform _assert_may_decide_on(v_step.mission_id);

  v_asked := _step_as_proposal(p_step_id);
  if v_asked.id is not null and (v_step.kind = 'approval'
                                 or _approval_state(v_asked, v_asked.risk_level) is not null) then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: step %s waits for an approval, and is not resolved by one decision', v_step.id),
      hint = format('select * from fn_approve_proposal(%L); or fn_reject_proposal.', v_step.id);
  end if;
  update ops_missions m
     set resolved_logins = array_append(array_remove(m.resolved_logins, _acting_login()), _acting_login())
   where m.id = v_step.mission_id;
  perform _end_waiting(v_step, p_outcome, p_result, v_actor,
                       format('resolved as %s by %s (login %s)%s', p_outcome, v_actor, _acting_login(),
                              ': ' || p_reason),
                       p_reason);
  perform _audit('resolve', 'step', v_step.id::text, p_actor, p_reason,
    jsonb_build_object('outcome', p_outcome, 'mission_id', v_step.mission_id));
  return p_outcome;
end;
$$;
comment on function fn_resolve_step(uuid, text, text, text, jsonb) is
  'Decides as p_actor (default: the login) how a waiting step ended: succeeded, with p_result, or failed for good. '
  'Returns the outcome. OPS_012 unknown, OPS_014 not waiting, OPS_015 own proposal, OPS_018 no such outcome.';
