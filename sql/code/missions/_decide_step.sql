create or replace function _decide_step(
  p_step_id uuid,
  p_vote text,
  p_actor text,
  p_reason text,
  out status text,
  out mission_id uuid,
  out reason text
)
language plpgsql
set search_path from current
as $$
-- The vote of a person (approve or reject) on a parked step that persons must allow: one of kind approval, one with
-- needs_approval, or one that policy no longer covers. By the rules that proposals are decided by; the last seat lets
-- it run exactly what it would run now, or ends a step of kind approval as succeeded. A rejection that counts fails it.
-- Locks: the mission, then its steps in id order. Writes: ops_proposal_votes, ops_approvals, ops_approval_seats,
-- ops_mission_steps, ops_missions, ops_action_runs, ops_agent_events, ops_ready, ops_parked_steps, ops_audit_log.
-- Raises: OP003 forbidden, OP012 unknown, OP014 does not wait for approval, OP015 own proposal, OP085–OP088 as for a
-- proposal.
declare
  v_actor constant text := coalesce(nullif(p_actor, ''), _acting_login());
  v_step ops_mission_steps;
  v_asked ops_mission_proposals;
  v_state jsonb;
  v_cast record;
  v_ends boolean;
begin
  perform _lock_mission((select s.mission_id from ops_mission_steps s where s.id = p_step_id));
  select s.* into v_step from ops_mission_steps s where s.id = p_step_id;
  v_asked := _step_as_proposal(p_step_id);
  if v_asked.id is null then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: step %s is %s and does not wait for an approval', p_step_id,
                       coalesce(v_step.status, 'gone')),
      hint = format('select * from fn_explain_step(%L); says what it waits for.', p_step_id);
  end if;
  perform _assert_may_decide_on(v_step.mission_id);
  perform _open_step_approval(v_asked);
  v_state := _approval_state(v_asked, v_asked.risk_level);
  v_cast := _cast_decision(v_asked, p_vote, v_actor, p_reason, v_state);
  if v_state is not null then
    v_state := _approval_state(v_asked, v_asked.risk_level);
  end if;
  v_ends := case
    when p_vote = 'approve' then coalesce((v_state ->> 'open')::integer = 0, true)
    else v_state is null or v_state -> 'veto' = '[]'
         or v_state -> 'veto' ?| array_append(_login_groups(_policy('approval_rules'), v_cast.login), '*') end;
  if v_cast.is_new or v_ends then
    perform _audit(p_vote, 'step', p_step_id::text, v_actor, p_reason,
      jsonb_build_object('digest', v_asked.template_digest, 'mission_id', v_step.mission_id,
                         'voted_login', v_cast.login, 'seats', _seats_text(v_state, v_asked.proposers)));
  end if;
  if not v_ends then
    reason := _seats_text(v_state, v_asked.proposers);
    update ops_mission_steps s set wait_reason = 'OPS_009: ' || reason, updated_at = _now() where s.id = p_step_id;
  else
    perform _end_approval(p_step_id, case when p_vote = 'approve' then v_state end);
    reason := coalesce(p_reason, format('%s by %s', case p_vote when 'approve' then 'approved' else 'rejected' end,
                                        v_actor));
    if p_vote = 'reject' then
      perform _end_waiting(v_step, 'failed', null, v_actor,
                           format('rejected by %s (login %s)%s', v_actor, v_cast.login, ': ' || p_reason), p_reason);
    elsif v_step.kind = 'approval' then
      perform _end_waiting(v_step, 'succeeded', jsonb_build_object(
        'approved_by', array(select v.agent_role from ops_proposal_votes v
                              where v.proposal_id = p_step_id and v.decision and v.vote = 'approve'
                                and v.digest = v_asked.template_digest order by v.created_at, v.agent_role)),
        v_actor, format('approved by %s (login %s)%s', v_actor, v_cast.login, ': ' || p_reason), p_reason);
    else
      perform _retry_step(p_step_id, v_actor, true);
    end if;
  end if;
  select s.status, s.mission_id into status, mission_id from ops_mission_steps s where s.id = p_step_id;
end;
$$;
