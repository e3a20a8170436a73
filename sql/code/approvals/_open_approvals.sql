create or replace function _open_approvals(p_ids uuid[])
returns void
language plpgsql
set search_path from current
as $$
-- Keeps what approval_rules ask for in these proposals, which wait, as it is now: it holds for them from then on,
-- beside what will be in force when they start. Expiry and escalation count from when persons are asked, which a
-- proposal that waits for a cap is later. Costs one look where there are no rules.
-- Locks: ops_approvals. Writes: ops_approvals. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_rules jsonb;
  v_version integer;
begin
  select y.value, y.version into v_rules, v_version
    from ops_policy y where y.key = 'approval_rules' and y.value -> 'rules' <> '[]';
  if not found then
    return;
  end if;
  insert into ops_approvals (proposal_id, asked_at, rules_version, required, seen_version)
  select p.id, v_now, v_version, q.required, v_version
    from ops_mission_proposals p
   cross join lateral _required_by(v_rules, _approval_facts(p.template, p.source, p.risk_level)) q (required)
   where p.id = any (p_ids) and p.status in ('pending', 'voting') and q.required is not null
   order by p.id
  on conflict (proposal_id) do nothing;
  perform _time_approval(a.proposal_id, v_now, a.required)
     from ops_approvals a
     join ops_mission_proposals p on p.id = a.proposal_id
    where a.proposal_id = any (p_ids) and p.reason_code = 'OPS_009';
end;
$$;
