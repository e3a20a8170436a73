create or replace function fn_cast_vote(
  p_proposal_id uuid,
  p_agent_role text,
  p_vote text,
  p_reason text default null
)
returns table (proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- The vote of an agent on a pending proposal. Votes advise the person who decides; no number of them approves. A role
-- may change its vote while the proposal is open. The login votes for a role that agent_roles names, and must be one of
-- the role's logins where it lists some, so that no vote passes for that of a person or of another agent.
-- Locks: the proposal. Writes: ops_proposal_votes, ops_mission_proposals, ops_audit_log. Raises: OP012 unknown, OP014
-- decided already, OP015 not this login's role, OP018 no such vote.
declare
  v_now timestamptz := _now();
  v_proposal ops_mission_proposals := _lock_proposal(p_proposal_id);
  v_role jsonb := _agent_roles(_policy('agent_roles')) -> p_agent_role;
begin
  perform _check_text('p_agent_role', p_agent_role, 500);
  perform _check_text('p_reason', p_reason, 10000);
  if p_vote is null or p_vote not in ('approve', 'reject', 'abstain') or coalesce(p_agent_role, '') = '' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: vote %s of role %s is not valid', quote_nullable(p_vote),
                       quote_nullable(p_agent_role)),
      hint = 'A role votes approve, reject or abstain.';
  end if;
  if (v_role is null or (jsonb_typeof(v_role -> 'logins') = 'array' and not v_role -> 'logins' ? _acting_login()))
     and not _is_control_plane() then
    raise exception using errcode = 'OP015',
      message = format('OPS_015: login %s may not vote as %s', _acting_login(), quote_literal(p_agent_role)),
      detail = jsonb_build_object('login', _acting_login(), 'agent_role', p_agent_role, 'logins', v_role -> 'logins',
                                  'roles', array(select jsonb_object_keys(_agent_roles(_policy('agent_roles')))))::text,
      hint = 'Vote as a role that the policy document agent_roles names, from one of its logins if it lists any.';
  end if;
  if v_proposal.status not in ('pending', 'voting') then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: proposal %s is %s; it can no longer be voted on', v_proposal.id, v_proposal.status),
      hint = 'Votes are taken while a proposal is pending.';
  end if;
  update ops_proposal_votes v
     set vote = p_vote, reason = p_reason, voted_login = _acting_login(), cast_login = _acting_login(),
         created_at = v_now
   where v.proposal_id = v_proposal.id and v.agent_role = p_agent_role and not v.decision;
  if not found then
    insert into ops_proposal_votes (proposal_id, agent_role, vote, reason, voted_login, cast_login, created_at)
    values (v_proposal.id, p_agent_role, p_vote, p_reason, _acting_login(), _acting_login(), v_now);
  end if;
  update ops_mission_proposals p
     set status = 'voting', updated_at = v_now
   where p.id = v_proposal.id;
  perform _audit('vote', 'proposal', v_proposal.id::text, p_agent_role, p_reason,
    jsonb_build_object('vote', p_vote, 'digest', v_proposal.template_digest));
  return query
  select p.id, p.status, null::uuid, p.reason from ops_mission_proposals p where p.id = v_proposal.id;
end;
$$;
comment on function fn_cast_vote(uuid, text, text, text) is
  'The vote (approve, reject, abstain) of an agent role on a pending proposal; it advises the person who decides and '
  'may be changed. OPS_012 unknown, OPS_014 decided already, OPS_015 a role that agent_roles does not name or keeps '
  'for other logins, OPS_018 no such vote.';
