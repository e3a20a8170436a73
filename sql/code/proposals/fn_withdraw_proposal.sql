create or replace function fn_withdraw_proposal(
  p_proposal_id uuid,
  p_source text default null,
  p_reason text default null
)
returns table (proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Takes back what this login proposed and nobody has decided on yet; it no longer counts against the caps. p_source:
-- where several sources share a login, only a proposal of this one. Withdrawing twice changes nothing more.
-- Locks: the proposal, then its cap counters. Writes: ops_mission_proposals, ops_approvals, ops_cap_counters,
-- ops_audit_log, and an event where approval_rules ask for seats. Raises: OP012 unknown, OP014 decided already, OP015
-- another login's.
declare
  v_proposal ops_mission_proposals := _lock_proposal(p_proposal_id);
  v_state jsonb;
begin
  if v_proposal.proposed_login is distinct from _acting_login()
     or (p_source is not null and v_proposal.source <> p_source) then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: proposal %s is not %s''s to take back', v_proposal.id,
                       coalesce(p_source, _acting_login())),
      detail = jsonb_build_object('login', _acting_login(), 'proposed_login', v_proposal.proposed_login,
                                  'source', v_proposal.source)::text,
      hint = 'Let the login that proposed it withdraw it, or a person reject it.';
  end if;
  if v_proposal.status in ('pending', 'voting') then
    v_state := _approval_state(v_proposal, v_proposal.risk_level);
    update ops_mission_proposals p
       set status = 'rejected', reason = coalesce('withdrawn: ' || p_reason, 'withdrawn'), reason_code = null,
           decided_by = v_proposal.source, decided_login = _acting_login(), updated_at = _now()
     where p.id = v_proposal.id;
    if v_proposal.counted_at is not null then
      perform _release_caps(v_proposal.source, v_proposal.counted_at);
    end if;
    perform _end_approval(v_proposal.id, null);
    perform _audit('withdraw', 'proposal', v_proposal.id::text, v_proposal.source, p_reason,
      jsonb_build_object('digest', v_proposal.template_digest));
    if v_state is not null then
      perform _tell_approvals(array['proposal:withdrawn'], array[v_proposal.id],
                              array[jsonb_build_object('login', _acting_login(), 'because', p_reason)]);
    end if;
  elsif v_proposal.status <> 'rejected' then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: proposal %s is %s and cannot be withdrawn', v_proposal.id, v_proposal.status),
      detail = jsonb_build_object('status', v_proposal.status)::text,
      hint = 'Its mission is cancelled by a person: fn_cancel_mission.';
  end if;
  return query
  select p.id, p.status, null::uuid, p.reason from ops_mission_proposals p where p.id = v_proposal.id;
end;
$$;
comment on function fn_withdraw_proposal(uuid, text, text) is
  'Takes back a pending proposal of this login (and of p_source, if given); it no longer counts against the caps. '
  'OPS_012 unknown, OPS_014 decided already, OPS_015 another login''s.';
