create or replace function _verdict_to_approve(
  p_proposal ops_mission_proposals,
  p_documents ops_policy_documents,
  out risk text,
  out steps ops_template_step[]
)
language plpgsql
stable
set search_path from current
as $$
-- The verdict on a proposal that a person is about to start, which the caller has locked: its risk and its steps by
-- these documents. One that was set to approved by hand, without a digest, is as good as pending.
-- Locks: none. Writes: nothing. Raises: OP014 decided otherwise, OP015 own proposal or may not decide, OP016 template
-- changed, OP003 forbidden by policy.
declare
  v_verdict record;
begin
  if p_proposal.status not in ('pending', 'voting')
     and (p_proposal.status not in ('approved', 'auto_approved') or p_proposal.approved_digest is not null) then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: proposal %s is %s and cannot be approved', p_proposal.id, p_proposal.status),
      detail = jsonb_build_object('status', p_proposal.status, 'reason', p_proposal.reason)::text,
      hint = 'Propose it again.';
  end if;
  perform _assert_may_decide(p_proposal.id, p_proposal.proposers);
  v_verdict := _verdicts(array[p_proposal.id], p_documents);
  if v_verdict.codes[1] = 'OPS_016' then
    raise exception using errcode = 'OP016',
      message = format('OPS_016: the template of proposal %s was changed after it was proposed', p_proposal.id),
      detail = jsonb_build_object('proposed', p_proposal.template_digest,
                                  'found', _template_digest(p_proposal.template, p_proposal.slots))::text,
      hint = 'Reject it and propose the changed template again.';
  end if;
  if v_verdict.refusals[1] is not null then
    raise exception using errcode = 'OP003', message = 'OPS_003: ' || v_verdict.refusals[1],
      detail = jsonb_build_object('proposal_id', p_proposal.id)::text,
      hint = 'Nobody may run this under the policy in force; change worker_policy or reject the proposal.';
  end if;
  risk := _risk_name(v_verdict.risks[1]);
  steps := v_verdict.steps;
end;
$$;
