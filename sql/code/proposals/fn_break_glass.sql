create or replace function fn_break_glass(p_proposal_id uuid, p_actor text default null, p_reason text default null)
returns table (proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- One member of the group that approval_rules name in break_glass decides alone, in spite of the seats that are open: a
-- reason is needed, it may happen so many times in a UTC month, and it stays open for review until two others have
-- signed it off. It lifts the number of seats and nothing else: nobody starts so what he proposed, what has expired, or
-- what policy forbids.
-- Locks: the proposal, then approval_rules, FOR NO KEY UPDATE, so that the month's number is exact; cap counters if it
-- was never counted. Writes: ops_break_glass, ops_proposal_votes, ops_mission_proposals, ops_approvals,
-- ops_approval_seats, ops_audit_log, ops_agent_events, missions and steps. Raises: OP012 unknown, OP014 decided,
-- OP015 own proposal or may not decide, OP016 template changed, OP003 forbidden or over a cap, OP086 without a reason,
-- OP087 expired, OP088 unknown person, OP090 not to be broken.
declare
  v_now constant timestamptz := _now();
  v_actor constant text := coalesce(nullif(p_actor, ''), _acting_login());
  v_login constant text := _person(v_actor);
  v_proposal ops_mission_proposals := _lock_proposal(p_proposal_id);
  v_documents constant ops_policy_documents := _documents_in_force();
  v_rules jsonb;
  v_glass jsonb;
  v_used bigint;
  v_verdict record;
  v_state jsonb;
  v_why text;
begin
  v_verdict := _verdict_to_approve(v_proposal, v_documents);
  select y.value into v_rules from ops_policy y where y.key = 'approval_rules' for no key update;
  v_glass := v_rules -> 'break_glass';
  v_state := _approval_state(v_proposal, v_verdict.risk);
  v_used := (select count(*) from ops_break_glass g
              where g.used_at >= date_trunc('month', v_now at time zone 'UTC') at time zone 'UTC');
  v_why := case
    when coalesce(jsonb_typeof(v_glass), 'null') = 'null' then 'approval_rules have no break_glass'
    when v_state is null then 'one decision is enough: approve it'
    when not v_glass ->> 'group' = any (_login_groups(v_rules, v_login))
      then format('login %s is not in the group %s', v_login, v_glass ->> 'group')
    when v_used >= (v_glass ->> 'per_month')::integer
      then format('it was done %s times this month, and %s are the most', v_used, v_glass ->> 'per_month') end;
  if v_why is not null then
    raise exception using errcode = 'OP090', message = format('OPS_090: the glass of proposal %s cannot be broken: %s',
                                                              v_proposal.id, v_why),
      detail = jsonb_build_object('proposal_id', v_proposal.id, 'login', v_login, 'break_glass', v_glass,
                                  'used_this_month', v_used)::text,
      hint = 'Let those decide whom fn_explain_proposal names.';
  end if;
  if coalesce(trim(p_reason), '') = '' then
    raise exception using errcode = 'OP086',
      message = format('OPS_086: to break the glass of proposal %s needs a reason', v_proposal.id),
      detail = jsonb_build_object('proposal_id', v_proposal.id)::text,
      hint = 'Say why it cannot wait: p_reason, or --reason.';
  end if;

  -- As a vote: own proposals and expiry are refused there. Any seat counts for the group that may break the glass.
  perform _cast_decision(v_proposal, 'approve', v_actor, p_reason, v_state || jsonb_build_object(
            'proposed', jsonb_build_array(jsonb_build_object('groups', '["*"]'::jsonb))));
  v_state := _approval_state(v_proposal, v_verdict.risk);
  insert into ops_break_glass (proposal_id, login, actor, reason, digest, review_due, used_at)
  values (v_proposal.id, v_login, v_actor, p_reason, v_proposal.template_digest,
          v_now + make_interval(hours => coalesce((v_glass ->> 'review_hours')::integer, 72)), v_now);
  perform _audit('break_glass', 'proposal', v_proposal.id::text, v_actor, p_reason,
    jsonb_build_object('digest', v_proposal.template_digest, 'risk_level', v_verdict.risk, 'voted_login', v_login,
                       'seats', _seats_text(v_state, v_proposal.proposers), 'used_this_month', v_used + 1));
  perform _start_approved(v_proposal, v_verdict.risk, v_verdict.steps, v_documents, v_state, v_actor, v_login,
                          'break-glass by ' || v_actor || ': ' || p_reason);
  perform _tell_approvals(array['proposal:break_glass'], array[v_proposal.id],
                          array[jsonb_build_object('by', v_actor, 'login', v_login, 'because', p_reason)]);
  return query
  select p.id, p.status, m.id, p.reason
    from ops_mission_proposals p
    left join ops_missions m on m.proposal_id = p.id
   where p.id = v_proposal.id;
end;
$$;
comment on function fn_break_glass(uuid, text, text) is
  'Starts a proposal by one decision in spite of open seats, for members of the group in approval_rules.break_glass, '
  'with a reason, so many times a month; two others must sign it off (fn_review_break_glass). OPS_012 unknown, OPS_014 '
  'decided already, OPS_015 own proposal, OPS_016 template changed, OPS_003 forbidden, OPS_086 without a reason, '
  'OPS_087 expired, OPS_090 not to be broken.';
