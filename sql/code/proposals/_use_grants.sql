create or replace function _use_grants(p_ids uuid[])
returns uuid[]
language plpgsql
set search_path from current
as $$
-- Counts standing grants as votes for these proposals, which wait for a person and which the caller has made or locked,
-- and starts the missions of those that need no more; returns the ids of those that it voted for. A grant counts as the
-- vote of its login would now: only where that login may decide, has no hand in the proposal, and fills a seat that is
-- open. Costs one look where there are no grants.
-- Locks: the grants in force, in order of id. Writes: ops_grants, ops_grant_uses, ops_proposal_votes,
-- ops_mission_proposals, ops_approvals, ops_approval_seats, ops_audit_log, missions and steps. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_rules jsonb;
  v_documents ops_policy_documents;
  v_proposal ops_mission_proposals;
  v_grant ops_grants;
  v_groups text[];
  v_state jsonb;
  v_verdict record;
  v_why text;
  v_voted uuid[] := '{}'::uuid[];
begin
  if not exists (select from ops_grants g where g.until > v_now and g.revoked_at is null and g.uses < g.max_uses) then
    return v_voted;
  end if;
  perform from ops_grants g where g.until > v_now and g.revoked_at is null and g.uses < g.max_uses
    order by g.id for update;
  v_rules := _policy('approval_rules');
  v_documents := _documents_in_force();
  for v_proposal in
    select p.*
      from ops_mission_proposals p
     where p.id = any (p_ids) and p.status in ('pending', 'voting') and p.reason_code = 'OPS_009'
       and p.counted_at is not null
     order by p.id
  loop
    for v_grant in
      select g.*
        from ops_grants g
       where g.until > v_now and g.revoked_at is null and g.uses < g.max_uses
         and g.granted_login <> all (v_proposal.proposers)
         and _grant_covers(g.match, v_proposal) and _login_may_decide(g.granted_login)
         and not exists (select from ops_proposal_votes v where v.proposal_id = v_proposal.id and v.decision
                                                            and v.voted_login = g.granted_login)
       order by g.id
    loop
      -- Another grant of the same login may have voted in this turn.
      continue when exists (select from ops_proposal_votes v where v.proposal_id = v_proposal.id and v.decision
                                                               and v.voted_login = v_grant.granted_login);
      v_groups := _login_groups(v_rules, v_grant.granted_login);
      v_state := _approval_state(v_proposal, v_proposal.risk_level);
      continue when v_state is not null and not exists (
        select from jsonb_array_elements((v_state -> 'proposed') || (v_state -> 'in_force')) s
         where s ->> 'login' is null and s -> 'groups' ?| array_append(v_groups, '*'));
      continue when (v_state ->> 'reason_required')::boolean and coalesce(trim(v_grant.reason), '') = '';
      v_verdict := _verdicts(array[v_proposal.id], v_documents);
      exit when v_verdict.codes[1] = 'OPS_016' or v_verdict.refusals[1] is not null;
      -- The audit row has the login whose call used the grant: the one that decided stands in the reason, too.
      v_why := format('grant %s of %s%s%s', v_grant.id, v_grant.granted_by,
                      case when v_grant.granted_by <> v_grant.granted_login
                           then ' (login ' || v_grant.granted_login || ')' end, ': ' || v_grant.reason);
      insert into ops_proposal_votes (proposal_id, agent_role, vote, reason, decision, voted_login, digest, groups,
                                      created_at)
      values (v_proposal.id, v_grant.granted_by, 'approve', v_why, true, v_grant.granted_login,
              v_proposal.template_digest, v_groups, v_now);
      insert into ops_grant_uses (grant_id, proposal_id, digest, used_at)
      values (v_grant.id, v_proposal.id, v_proposal.template_digest, v_now);
      update ops_grants g set uses = g.uses + 1 where g.id = v_grant.id;
      v_voted := v_voted || v_proposal.id;
      if v_state is not null then
        v_state := _approval_state(v_proposal, _risk_name(v_verdict.risks[1]));
      end if;
      perform _audit('approve', 'proposal', v_proposal.id::text, v_grant.granted_by, v_why,
        jsonb_build_object('digest', v_proposal.template_digest, 'grant', v_grant.id, 'voted_login',
                           v_grant.granted_login));
      if (v_state ->> 'open')::integer > 0 then
        update ops_mission_proposals p
           set status = 'voting', reason = _seats_text(v_state, v_proposal.proposers), updated_at = v_now
         where p.id = v_proposal.id;
      else
        perform _start_approved(v_proposal, _risk_name(v_verdict.risks[1]), v_verdict.steps, v_documents, v_state,
                                v_grant.granted_by, v_grant.granted_login, v_why);
        exit;
      end if;
    end loop;
  end loop;
  return v_voted;
end;
$$;
