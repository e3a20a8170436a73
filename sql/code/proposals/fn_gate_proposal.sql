create or replace function fn_gate_proposal(p_proposal_id uuid)
returns table (ok boolean, code text, reason text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- What the gate says about a proposal now; reads only. For a proposal that counts already the caps are not asked again.
-- Locks: none. Writes: nothing. Raises: OP012 when there is no such proposal.
declare
  v_proposal ops_mission_proposals;
  v_judged record;
begin
  select * into v_proposal from ops_mission_proposals where id = p_proposal_id;
  if not found then
    raise exception using errcode = 'OP012', message = format('OPS_012: no proposal %s', coalesce(p_proposal_id::text, 'null')),
      hint = 'See ops_mission_proposals for the ids there are.';
  end if;
  v_judged := _judge_templates(array[v_proposal.template], _policy('auto_approve'), _policy('worker_policy'));

  ok := false;
  if v_proposal.status in ('approved', 'auto_approved', 'rejected', 'expired') then
    ok := v_proposal.status in ('approved', 'auto_approved');
    code := case when not ok then coalesce(substring(v_proposal.reason from '^OPS_[0-9]{3}'), 'OPS_014') end;
    reason := format('%s: %s', v_proposal.status, v_proposal.reason);
  elsif v_proposal.template_digest <> _digest(jsonb_build_array(v_proposal.template, v_proposal.slots)) then
    code := 'OPS_016';
    reason := 'the template was changed after it was proposed';
  elsif v_judged.forbidden[1] is not null then
    code := 'OPS_003';
    reason := v_judged.forbidden[1];
  else
    if v_proposal.counted_at is null then
      reason := _cap_met(v_proposal.source, v_proposal.created_at);
    end if;
    if reason is not null then
      code := 'OPS_003';
    elsif not v_judged.auto_oks[1] then
      code := 'OPS_009';
      reason := v_judged.reasons[1];
    else
      ok := true;
      reason := 'policy allows it';
    end if;
  end if;
  return next;
end;
$$;
comment on function fn_gate_proposal(uuid) is
  'What the gate says about a proposal now: ok, or OPS_003 (a cap, or forbidden) or OPS_009 (a person must decide) or '
  'OPS_016 (the template was changed) with the reason. Reads only. OPS_012 when there is no such proposal.';
