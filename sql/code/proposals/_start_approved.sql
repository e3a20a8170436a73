create or replace function _start_approved(
  p_proposal ops_mission_proposals,
  p_risk text,
  p_steps ops_template_step[],
  p_documents ops_policy_documents,
  p_state jsonb,
  p_actor text,
  p_login text,
  p_reason text
)
returns void
language plpgsql
set search_path from current
set jit = off
as $$
-- Starts the mission of a proposal that was decided on, which the caller has locked and judged: p_risk, p_steps and
-- p_documents are those of its verdict. p_state: as _approval_state returns it, every seat filled; null where one
-- decision was enough.
-- Locks: cap counters if it was never counted. Writes: ops_mission_proposals, ops_approvals, ops_approval_seats,
-- missions and steps. Raises: OP003 over a cap.
declare
  v_now constant timestamptz := _now();
  v_caps record;
begin
  if p_proposal.counted_at is null then
    v_caps := _reserve_caps(array[p_proposal.source], v_now, p_documents.proposal_caps);
    if v_caps.refusals is not null then
      raise exception using errcode = 'OP003', message = 'OPS_003: ' || v_caps.refusals[1],
        detail = jsonb_build_object('proposal_id', p_proposal.id, 'source', p_proposal.source)::text,
        hint = 'Raise the cap in proposal_caps, or try again later.';
    end if;
  end if;
  -- First of all: the trigger of the table knows an approval by its mission.
  perform _start_missions(array[p_proposal.id], array[1], array[p_proposal.depth], array[p_proposal.template],
                          p_steps, array[p_proposal.slots], array[p_risk], false, p_documents.generation);
  update ops_mission_proposals p
     set status = 'approved', reason = coalesce(p_reason, 'approved by ' || p_actor), reason_code = null,
         decided_by = p_actor, decided_login = p_login, approved_digest = p.template_digest, approved_at = v_now,
         policy_snapshot = p.policy_snapshot || case when p.counted_at is null then p_documents.versions
                                                     else p_documents.versions - 'proposal_caps' end
                           || case when p_state is null then '{}'
                                   else jsonb_build_object('approval_rules', p_state -> 'version') end,
         risk_level = p_risk, counted_at = coalesce(p.counted_at, v_now), updated_at = v_now
   where p.id = p_proposal.id;
  perform _end_approval(p_proposal.id, p_state);
end;
$$;
