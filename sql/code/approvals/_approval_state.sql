create or replace function _approval_state(p_proposal ops_mission_proposals, p_risk text)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- How far the decision on a proposal has come; null where no rule of approval_rules is about it, and one person who may
-- decide is enough. Both must be filled: the seats of the rules when it was proposed, and those of the rules in force.
-- p_risk: the risk judged now. A vote counts for the digest it was cast for, of a login that proposed none of it, may
-- still decide, and is still in the group by which it sits. Returns {"version", "rules", "required_then",
-- "required_now", "proposed", "in_force" (seats, as _assign_seats), "open", "of", "veto", "reason_required",
-- "expires_at", "on_expiry", "held_at", "escalated"}.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_approval ops_approvals;
  v_rules jsonb;
  v_version integer;
  v_now jsonb;
  v_votes jsonb;
  v_proposed jsonb := '[]';
  v_in_force jsonb := '[]';
begin
  select y.value, y.version into v_rules, v_version from ops_policy y where y.key = 'approval_rules';
  select a.* into v_approval from ops_approvals a where a.proposal_id = p_proposal.id;
  v_now := _required_by(v_rules, _approval_facts(p_proposal.template, p_proposal.source, p_risk));
  if v_now is null and v_approval.required is null then
    return null;
  end if;

  v_votes := (
    select coalesce(jsonb_agg(jsonb_build_object(
             'login', v.voted_login,
             'groups', (select coalesce(jsonb_agg(g), '[]')
                          from unnest(_login_groups(v_rules, v.voted_login)) g where g = any (v.groups)))), '[]')
      from ops_proposal_votes v
     where v.proposal_id = p_proposal.id and v.decision and v.vote = 'approve'
       and v.digest = p_proposal.template_digest and v.voted_login <> all (p_proposal.proposers)
       and (v_approval.held_at is null or v.created_at > v_approval.held_at)
       and _login_may_decide(v.voted_login));
  if v_approval.required is not null then
    v_proposed := _assign_seats(v_approval.required, _escalated_by(v_approval, v_approval.required), v_votes);
  end if;
  if v_now is not null then
    v_in_force := _assign_seats(v_now, _escalated_by(v_approval, v_now), v_votes);
  end if;
  return jsonb_build_object(
    'version', v_version,
    'rules', (select coalesce(jsonb_agg(distinct r order by r), '[]')
                from jsonb_array_elements(coalesce(v_approval.required -> 'rules', '[]')
                                          || coalesce(v_now -> 'rules', '[]')) r),
    'required_then', v_approval.required, 'required_now', v_now,
    'proposed', v_proposed, 'in_force', v_in_force,
    'open', greatest((select count(*) from jsonb_array_elements(v_proposed) s where s ->> 'login' is null),
                     (select count(*) from jsonb_array_elements(v_in_force) s where s ->> 'login' is null)),
    'of', greatest(jsonb_array_length(v_proposed), jsonb_array_length(v_in_force)),
    'veto', coalesce(v_approval.required -> 'veto', '[]') || coalesce(v_now -> 'veto', '[]'),
    'reason_required', coalesce((v_approval.required ->> 'reason_required')::boolean, false)
                       or coalesce((v_now ->> 'reason_required')::boolean, false),
    'expires_at', case when v_approval.held_at is null then least(
      v_approval.expires_at,
      coalesce(v_approval.asked_at, p_proposal.created_at)
        + make_interval(mins => (v_now ->> 'expires_minutes')::integer)) end,
    'on_expiry', case when 'reject' in (v_approval.on_expiry, v_now ->> 'on_expiry') then 'reject'
                      else coalesce(v_approval.on_expiry, v_now ->> 'on_expiry') end,
    'held_at', v_approval.held_at, 'escalated', coalesce(v_approval.escalated, '[]'));
end;
$$;
