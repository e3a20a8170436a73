create or replace function _cast_decision(
  p_proposal ops_mission_proposals,
  p_vote text,
  p_actor text,
  p_reason text,
  p_state jsonb,
  out login text,
  out is_new boolean
)
language plpgsql
set search_path from current
as $$
-- Records the vote of a person on a proposal, with its digest and the groups that the login is in; login: whose
-- vote it is. p_state: as _approval_state returns it; null where one decision is enough. Where rules ask for
-- seats, a vote belongs to a login that is known, has no hand in the proposal, and can fill one of them; where the
-- control plane speaks for a person, to that person's login. To vote again changes the vote; is_new is false when it is
-- the same vote as before.
-- Locks: the row of the vote; the caller holds the proposal. Writes: ops_proposal_votes. Raises: OP015 own proposal, or
-- a login that may not decide, OP085 no seat for it, OP086 without a reason, OP087 expired, OP088 unknown person.
declare
  v_rules constant jsonb := _policy('approval_rules');
  v_groups text[];
begin
  login := _acting_login();
  perform _check_text('p_actor', p_actor, 500);
  perform _check_text('p_reason', p_reason, 10000);
  if p_state is not null then
    login := _person(p_actor);
    if login = any (p_proposal.proposers) and p_vote = 'approve' then
      raise exception using errcode = 'OP015',
        message = format('OPS_015: %s proposed this, or what led to it, and may not decide on it', login),
        detail = jsonb_build_object('proposal_id', p_proposal.id, 'login', login,
                                    'proposers', p_proposal.proposers)::text,
        hint = 'Let another login decide.';
    end if;
    if (p_state ->> 'expires_at')::timestamptz <= _now() then
      raise exception using errcode = 'OP087',
        message = format('OPS_087: proposal %s expired at %s', p_proposal.id,
                         date_trunc('second', (p_state ->> 'expires_at')::timestamptz)),
        detail = jsonb_build_object('proposal_id', p_proposal.id, 'expires_at', p_state -> 'expires_at')::text,
        hint = case p_state ->> 'on_expiry'
                 when 'hold' then 'The next heartbeat opens it for votes anew; those until then do not count.'
                 else 'It never runs. Propose it again if it is still wanted.' end;
    end if;
    if (p_state ->> 'reason_required')::boolean and coalesce(trim(p_reason), '') = '' then
      raise exception using errcode = 'OP086',
        message = format('OPS_086: a decision on proposal %s needs a reason', p_proposal.id),
        detail = jsonb_build_object('proposal_id', p_proposal.id, 'rules', p_state -> 'rules')::text,
        hint = 'Say why: p_reason, or --reason.';
    end if;
  end if;
  v_groups := _login_groups(v_rules, login);
  if p_state is not null and p_vote = 'approve' and not exists (
       select from jsonb_array_elements((p_state -> 'proposed') || (p_state -> 'in_force')) s
        where s -> 'groups' ?| array_append(v_groups, '*')) then
    raise exception using errcode = 'OP085',
      message = format('OPS_085: login %s fills no seat of proposal %s: %s', login, p_proposal.id,
                       _seats_text(p_state, p_proposal.proposers)),
      detail = jsonb_build_object('proposal_id', p_proposal.id, 'login', login, 'groups', v_groups,
                                  'rules', p_state -> 'rules')::text,
      hint = 'Let a member of the groups that approval_rules name decide.';
  end if;
  insert into ops_proposal_votes as v (proposal_id, agent_role, vote, reason, decision, voted_login, cast_login, digest,
                                       groups, created_at)
  values (p_proposal.id, p_actor, p_vote, p_reason, true, login, _acting_login(), p_proposal.template_digest, v_groups,
          _now())
  on conflict (proposal_id, voted_login) where decision do update
    set agent_role = excluded.agent_role, vote = excluded.vote, reason = excluded.reason,
        cast_login = _acting_login(), digest = excluded.digest, groups = excluded.groups,
        created_at = excluded.created_at
  where (v.vote, v.digest, v.groups) is distinct from (excluded.vote, excluded.digest, excluded.groups)
     or v.created_at <= (p_state ->> 'held_at')::timestamptz;
  is_new := found;
end;
$$;
