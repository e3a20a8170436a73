create or replace function fn_approve_proposal(
  p_proposal_id uuid,
  p_actor text default null,
  p_reason text default null
)
returns table (proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
as $$
-- The decision of a person that a pending proposal may run; its mission begins in the same transaction. Where
-- approval_rules ask for more, it is a vote that fills a seat, status voting, and the mission begins with the vote that
-- fills the last one: counted here, under the lock of the proposal. Approving an approved proposal changes nothing and
-- answers the same, so that two approvals at once make one mission. One that was set to approved by hand, without a
-- digest, is as good as pending.
-- Locks: the proposal, then cap counters if it was never counted. Writes: ops_mission_proposals, ops_proposal_votes,
-- ops_approvals, ops_approval_seats, ops_audit_log, missions and steps. Raises: OP012 unknown, OP014 decided otherwise,
-- OP015 own proposal, OP016 template changed, OP003 forbidden by policy or over a cap, OP085 no seat, OP086 without a
-- reason, OP087 expired, OP088 unknown person.
declare
  v_actor text := coalesce(p_actor, _acting_login());
  v_proposal ops_mission_proposals;
  v_documents constant ops_policy_documents := _documents_in_force();
  v_verdict record;
  v_state jsonb;
  v_cast record;
  v_starts boolean;
begin
  if exists (select from ops_parked_steps q where q.step_id = p_proposal_id) then
    return query select p_proposal_id, d.* from _decide_step(p_proposal_id, 'approve', p_actor, p_reason) d;
    return;
  end if;
  v_proposal := _lock_proposal(p_proposal_id);
  if v_proposal.status not in ('approved', 'auto_approved') or v_proposal.approved_digest is null then
    v_verdict := _verdict_to_approve(v_proposal, v_documents);
    v_state := _approval_state(v_proposal, v_verdict.risk);
    v_cast := _cast_decision(v_proposal, 'approve', v_actor, p_reason, v_state);
    if v_state is not null then
      v_state := _approval_state(v_proposal, v_verdict.risk);
    end if;
    v_starts := coalesce((v_state ->> 'open')::integer = 0, true);
    if v_cast.is_new or v_starts then
      perform _audit('approve', 'proposal', v_proposal.id::text, v_actor, p_reason,
        jsonb_build_object('digest', v_proposal.template_digest, 'risk_level', v_verdict.risk)
        || case when v_state is null then '{}'
                else jsonb_build_object('voted_login', v_cast.login,
                                        'seats', _seats_text(v_state, v_proposal.proposers)) end);
    end if;
    if v_starts then
      perform _start_approved(v_proposal, v_verdict.risk, v_verdict.steps, v_documents, v_state, v_actor,
                              v_cast.login, p_reason);
    else
      update ops_mission_proposals p
         set status = 'voting', reason = _seats_text(v_state, v_proposal.proposers), updated_at = _now()
       where p.id = v_proposal.id;
    end if;
    if v_state is not null and (v_cast.is_new or v_starts) then
      perform _tell_approvals(
        array[case when v_starts then 'proposal:approved' else 'proposal:voted' end], array[v_proposal.id],
        array[jsonb_build_object('by', v_actor, 'login', v_cast.login, 'vote', 'approve', 'because', p_reason)]);
    end if;
  end if;

  return query
  select p.id, p.status, m.id, p.reason
    from ops_mission_proposals p
    left join ops_missions m on m.proposal_id = p.id
   where p.id = v_proposal.id;
end;
$$;
comment on function fn_approve_proposal(uuid, text, text) is
  'Approves a pending proposal as p_actor (default: the login) and begins its mission in the same transaction; '
  'approving twice makes one mission. OPS_012 unknown, OPS_014 decided otherwise, OPS_015 own proposal, OPS_016 '
  'template changed, OPS_003 forbidden or over a cap; where approval_rules ask for seats it fills one, and OPS_085 no '
  'seat for the login, OPS_086 without a reason, OPS_087 expired, OPS_088 unknown person.';
