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
-- The decision of a person that a pending proposal shall not run. It no longer counts against the caps. Rejecting a
-- rejected proposal changes nothing and answers the same.
-- Locks: the proposal, then its cap counters. Writes: ops_mission_proposals, ops_proposal_votes, ops_cap_counters,
-- ops_audit_log.
-- Raises: OP012 unknown, OP014 approved already.
declare
  v_now timestamptz := _now();
  v_login text := session_user;
  v_actor text := coalesce(p_actor, session_user);
  v_proposal ops_mission_proposals := _lock_proposal(p_proposal_id);
begin
  if v_proposal.status = 'expired'
     or (v_proposal.status in ('approved', 'auto_approved') and v_proposal.approved_digest is not null) then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: proposal %s is %s and cannot be rejected', v_proposal.id, v_proposal.status),
      detail = jsonb_build_object('status', v_proposal.status)::text,
      hint = 'Cancel its mission with fn_cancel_mission.';
  end if;
  if v_proposal.status <> 'rejected' then
    insert into ops_proposal_votes (proposal_id, agent_role, vote, reason, decision)
    values (v_proposal.id, v_actor, 'reject', p_reason, true);
    update ops_mission_proposals p
       set status = 'rejected', reason = coalesce(p_reason, 'rejected by ' || v_actor), reason_code = null,
           decided_by = v_actor, decided_login = v_login, updated_at = v_now
     where p.id = v_proposal.id;
    if v_proposal.counted_at is not null then
      perform _release_caps(v_proposal.source, v_proposal.counted_at);
    end if;
    perform _audit('reject', 'proposal', v_proposal.id::text, v_actor, p_reason,
      jsonb_build_object('digest', v_proposal.template_digest));
  end if;
  return query
  select p.id, p.status, null::uuid, p.reason from ops_mission_proposals p where p.id = v_proposal.id;
end;
$$;
comment on function fn_reject_proposal(uuid, text, text) is
  'Rejects a pending proposal as p_actor (default: the login); it no longer counts against the caps. OPS_012 unknown, '
  'OPS_014 approved already.';
