create or replace function fn_reject_proposal(
  p_proposal_id uuid,
  p_actor text default null,
  p_reason text default null
)
returns table (proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- The decision of a person that a pending proposal shall not run. It no longer counts against the caps. Where
-- approval_rules name vetoing groups, the rejection of anybody else is a vote that does not end it. Rejecting a
-- rejected proposal changes nothing and answers the same.
-- Locks: the proposal, then its cap counters. Writes: ops_mission_proposals, ops_proposal_votes, ops_approvals,
-- ops_cap_counters, ops_audit_log.
-- Raises: OP012 unknown, OP014 approved already; where rules ask for seats OP015 a login that may not decide, OP086
-- without a reason, OP087 expired, OP088 unknown person.
declare
  v_now timestamptz := _now();
  v_actor text := coalesce(p_actor, _acting_login());
  v_proposal ops_mission_proposals;
  v_state jsonb;
  v_cast record;
  v_ends boolean;
begin
  if exists (select from ops_parked_steps q where q.step_id = p_proposal_id) then
    return query select p_proposal_id, d.* from _decide_step(p_proposal_id, 'reject', p_actor, p_reason) d;
    return;
  end if;
  v_proposal := _lock_proposal(p_proposal_id);
  if v_proposal.status = 'expired'
     or (v_proposal.status in ('approved', 'auto_approved') and v_proposal.approved_digest is not null) then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: proposal %s is %s and cannot be rejected', v_proposal.id, v_proposal.status),
      detail = jsonb_build_object('status', v_proposal.status)::text,
      hint = 'Cancel its mission with fn_cancel_mission.';
  end if;
  if v_proposal.status <> 'rejected' then
    v_state := _approval_state(v_proposal, v_proposal.risk_level);
    v_cast := _cast_decision(v_proposal, 'reject', v_actor, p_reason, v_state);
    -- Where vetoing groups are named, one of theirs ends it, or whoever proposed it.
    v_ends := v_state is null or v_state -> 'veto' = '[]' or v_cast.login = any (v_proposal.proposers)
              or v_state -> 'veto' ?| array_append(_login_groups(_policy('approval_rules'), v_cast.login), '*');
    if v_cast.is_new or v_ends then
      perform _audit('reject', 'proposal', v_proposal.id::text, v_actor, p_reason,
        jsonb_build_object('digest', v_proposal.template_digest)
        || case when v_state is null then '{}' else jsonb_build_object('voted_login', v_cast.login) end);
    end if;
    update ops_mission_proposals p
       set status = case when v_ends then 'rejected' else 'voting' end,
           reason = case when v_ends then coalesce(p_reason, 'rejected by ' || v_actor)
                         else _seats_text(_approval_state(v_proposal, v_proposal.risk_level), v_proposal.proposers) end,
           reason_code = case when not v_ends then p.reason_code end,
           decided_by = case when v_ends then v_actor end, decided_login = case when v_ends then v_cast.login end,
           updated_at = v_now
     where p.id = v_proposal.id;
    if v_ends then
      if v_proposal.counted_at is not null then
        perform _release_caps(v_proposal.source, v_proposal.counted_at);
      end if;
      perform _end_approval(v_proposal.id, null);
    end if;
    if v_state is not null and (v_cast.is_new or v_ends) then
      perform _tell_approvals(
        array[case when v_ends then 'proposal:rejected' else 'proposal:voted' end], array[v_proposal.id],
        array[jsonb_build_object('by', v_actor, 'login', v_cast.login, 'vote', 'reject', 'because', p_reason)]);
    end if;
  end if;
  return query
  select p.id, p.status, null::uuid, p.reason from ops_mission_proposals p where p.id = v_proposal.id;
end;
$$;
comment on function fn_reject_proposal(uuid, text, text) is
  'Rejects a pending proposal as p_actor (default: the login); it no longer counts against the caps. OPS_012 unknown, '
  'OPS_014 approved already. Where approval_rules name vetoing groups, one of theirs ends it; OPS_015 may not decide, '
  'OPS_086 without a reason, OPS_087 expired, OPS_088 unknown person.';
