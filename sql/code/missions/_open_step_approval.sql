create or replace function _open_step_approval(p_step ops_mission_proposals)
returns void
language plpgsql
set search_path from current
as $$
-- Keeps what approval_rules asked for in a parked step when it was parked: it holds from then on, beside what is in
-- force when it is decided. A step that was parked anew begins anew. p_step: as _step_as_proposal returns it.
-- Locks: ops_approvals. Writes: ops_approvals. Raises: nothing.
declare
  v_then record;
begin
  if exists (select from ops_approvals a where a.proposal_id = p_step.id and a.asked_at >= p_step.created_at) then
    return;
  end if;
  select h.version,
         _required_by(h.value, _approval_facts(p_step.template, p_step.source, p_step.risk_level)) as required
    into v_then
    from ops_parked_steps q
    join ops_policy_history h on h.key = 'approval_rules' and h.version = q.rules_version
   where q.step_id = p_step.id;
  if v_then.required is null then
    return;
  end if;
  insert into ops_approvals as a (proposal_id, asked_at, rules_version, required, seen_version)
  values (p_step.id, p_step.created_at, v_then.version, v_then.required, v_then.version)
  on conflict (proposal_id) do update
    set asked_at = excluded.asked_at, rules_version = excluded.rules_version, required = excluded.required,
        seen_version = excluded.seen_version, expires_at = null, on_expiry = null, held_at = null,
        escalations = '[]', escalated = '[]', next_at = null;
  perform _time_approval(p_step.id, p_step.created_at, v_then.required);
end;
$$;
