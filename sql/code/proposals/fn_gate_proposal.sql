create or replace function fn_gate_proposal(p_proposal_id uuid)
returns table (ok boolean, code text, reason text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The verdict of the gate on a proposal now. Caps are not asked for a proposal that counts already.
-- Locks: none. Writes: nothing. Raises: OP012, OP083 when there is no such proposal.
declare
  v_proposal ops_mission_proposals;
begin
  select * into v_proposal from ops_mission_proposals where id = p_proposal_id;
  if not found then
    perform _raise_unknown('proposal', p_proposal_id);
  end if;

  if v_proposal.status in ('pending', 'voting') then
    return query
    select v.codes[1] is null, v.codes[1], v.reasons[1] from _verdicts(array[p_proposal_id], _documents_in_force()) v;
  else
    ok := v_proposal.status in ('approved', 'auto_approved');
    code := case when not ok then coalesce(v_proposal.reason_code, 'OPS_014') end;
    reason := format('%s: %s', v_proposal.status, v_proposal.reason);
    return next;
  end if;
end;
$$;
comment on function fn_gate_proposal(uuid) is
  'The verdict of the gate on a proposal now: ok, or OPS_003 (a cap, or forbidden) or OPS_009 (a person must decide) '
  'or OPS_016 (the template was changed) with the reason. Reads only. OPS_012 when there is no such proposal.';
