create or replace function _step_as_proposal(p_step_id uuid)
returns ops_mission_proposals
language plpgsql
stable
set search_path from current
as $$
-- A parked step in the form in which approvals are counted: what it would run now as a template of one step, the digest
-- of exactly that, and the source, risk and proposers of its mission, with those that resolved a step of it. Null where
-- it does not wait for a person, or is not for persons to allow.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_found ops_mission_proposals;
begin
  if p_step_id is null then
    return v_found;
  end if;
  select s.id, coalesce(p.source, 'manual'), 'pending', m.title,
         coalesce(p.risk_level, _risk_name(m.approved_risk)), m.depth,
         jsonb_build_object('title', m.title, 'steps', jsonb_build_array(jsonb_build_object(
           'key', s.key, 'kind', s.kind, 'executor', s.executor, 'params', v.params))),
         '[]'::jsonb, v.digest, 'OPS_009', coalesce(p.proposers, '{}') || m.resolved_logins, q.since, q.since
    into v_found.id, v_found.source, v_found.status, v_found.title, v_found.risk_level, v_found.depth,
         v_found.template, v_found.slots, v_found.template_digest, v_found.reason_code, v_found.proposers,
         v_found.created_at, v_found.updated_at
    from _claim_verdicts(array[p_step_id], -1, _policy('worker_policy')) v
    join ops_mission_steps s on s.id = v.step_id and s.status = 'waiting'
    join ops_missions m on m.id = s.mission_id
    join ops_parked_steps q on q.step_id = s.id and q.waits_for = 'person'
    left join ops_mission_proposals p on p.id = m.proposal_id
   where v.hold_code = 'OPS_009';
  return v_found;
end;
$$;
