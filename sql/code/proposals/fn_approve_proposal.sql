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
-- The decision of a person that a pending proposal may run; its mission begins in the same transaction. Approving an
-- approved proposal changes nothing and answers the same, so that two approvals at once make one mission. One that was
-- set to approved by hand, without a digest, is as good as pending.
-- Locks: the proposal, then cap counters if it was never counted. Writes: ops_mission_proposals, ops_proposal_votes,
-- ops_audit_log, missions and steps. Raises: OP012 unknown, OP014 decided otherwise, OP015 own proposal, OP016 template
-- changed, OP003 forbidden by policy or over a cap.
declare
  v_now timestamptz := _now();
  v_login text := session_user;
  v_actor text := coalesce(p_actor, session_user);
  v_proposal ops_mission_proposals := _lock_proposal(p_proposal_id);
  v_documents constant ops_policy_documents := _documents_in_force();
  v_verdict record;
  v_caps record;
begin
  if v_proposal.status not in ('approved', 'auto_approved') or v_proposal.approved_digest is null then
    if v_proposal.status not in ('pending', 'voting', 'approved', 'auto_approved') then
      raise exception using errcode = 'OP014',
        message = format('OPS_014: proposal %s is %s and cannot be approved', v_proposal.id, v_proposal.status),
        detail = jsonb_build_object('status', v_proposal.status, 'reason', v_proposal.reason)::text,
        hint = 'Propose it again.';
    end if;
    perform _assert_may_decide(v_proposal.id, v_proposal.proposers);
    v_verdict := _verdicts(array[v_proposal.id], v_documents);
    if v_verdict.codes[1] = 'OPS_016' then
      raise exception using errcode = 'OP016',
        message = format('OPS_016: the template of proposal %s was changed after it was proposed', v_proposal.id),
        detail = jsonb_build_object('proposed', v_proposal.template_digest,
                                    'found', _template_digest(v_proposal.template, v_proposal.slots))::text,
        hint = 'Reject it and propose the changed template again.';
    end if;
    if v_verdict.refusals[1] is not null then
      raise exception using errcode = 'OP003', message = 'OPS_003: ' || v_verdict.refusals[1],
        detail = jsonb_build_object('proposal_id', v_proposal.id)::text,
        hint = 'Nobody may run this under the policy in force; change worker_policy or reject the proposal.';
    end if;
    if v_proposal.counted_at is null then
      v_caps := _reserve_caps(array[v_proposal.source], v_now, v_documents.proposal_caps);
      if v_caps.refusals is not null then
        raise exception using errcode = 'OP003', message = 'OPS_003: ' || v_caps.refusals[1],
          detail = jsonb_build_object('proposal_id', v_proposal.id, 'source', v_proposal.source)::text,
          hint = 'Raise the cap in proposal_caps, or try again later.';
      end if;
    end if;

    insert into ops_proposal_votes (proposal_id, agent_role, vote, reason, decision)
    values (v_proposal.id, v_actor, 'approve', p_reason, true);
    -- First of all: the trigger of the table knows an approval by its mission.
    perform _start_missions(array[v_proposal.id], array[1], array[v_proposal.depth], array[v_proposal.template],
                            v_verdict.steps, array[v_proposal.slots], array[_risk_name(v_verdict.risks[1])], false,
                            v_documents.generation);
    update ops_mission_proposals p
       set status = 'approved', reason = coalesce(p_reason, 'approved by ' || v_actor), reason_code = null,
           decided_by = v_actor, decided_login = v_login, approved_digest = p.template_digest, approved_at = v_now,
           policy_snapshot = p.policy_snapshot || case when p.counted_at is null then v_documents.versions
                                                       else v_documents.versions - 'proposal_caps' end,
           risk_level = _risk_name(v_verdict.risks[1]), counted_at = coalesce(p.counted_at, v_now), updated_at = v_now
     where p.id = v_proposal.id;
    perform _audit('approve', 'proposal', v_proposal.id::text, v_actor, p_reason,
      jsonb_build_object('digest', v_proposal.template_digest, 'risk_level', _risk_name(v_verdict.risks[1])));
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
  'template changed, OPS_003 forbidden or over a cap.';
