create or replace function _unfilled_seats(p_after uuid, p_upto uuid)
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Missions that a person approved without all that approval_rules asked for, of those with an id above p_after and up
-- to p_upto: what was asked for is worked out anew from the versions on record, then compared with the seats, and these
-- with the votes. And missions of proposals that had expired. Break-glass needs its own record instead of seats.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with started as materialized (
    select m.id, m.created_at, p.id as proposal_id, p.approved_digest, p.approved_at, p.proposers, p.template,
           p.source, p.risk_level, a.required, a.expires_at,
           (p.policy_snapshot ->> 'approval_rules')::integer as version, a.proposal_id is not null as is_kept,
           exists (select from ops_break_glass g where g.proposal_id = p.id) as by_glass
      from ops_missions m
      join ops_mission_proposals p on p.id = m.proposal_id and p.status = 'approved'
      left join ops_approvals a on a.proposal_id = p.id
     where m.id > p_after and m.id <= p_upto and not m.auto_approved
  ), asked as materialized (
    select s.id, s.proposal_id, s.approved_digest, s.proposers, k.held_by, k.required
      from started s
      left join ops_policy_history h on h.key = 'approval_rules' and h.version = s.version
     cross join lateral (values
       ('proposed', s.required),
       ('in force', _required_by(h.value, _approval_facts(s.template, s.source, s.risk_level)))) k (held_by, required)
     where not s.by_glass and k.required is not null
  )
  select '5b every seat was filled', 'mission ' || a.id::text,
         format('the rules %s ask for %s seats, and %s were filled', a.held_by, w.wanted, f.filled)
    from asked a
   cross join lateral (
     select sum((q ->> 'count')::integer) as wanted from jsonb_array_elements(a.required -> 'seats') q) w
   cross join lateral (
     select count(distinct t.login) as filled
       from ops_approval_seats t
      where t.proposal_id = a.proposal_id and t.held_by = a.held_by
        and t.login <> all (a.proposers)
        and exists (select from ops_proposal_votes v
                     where v.proposal_id = a.proposal_id and v.decision and v.vote = 'approve'
                       and v.voted_login = t.login and v.digest = a.approved_digest
                       and array_append(v.groups, '*') && t.groups)) f
   where f.filled < w.wanted
  union all
  select '5b every seat was filled', 'mission ' || s.id::text, 'the version of approval_rules is not on record'
    from started s
   where s.is_kept and (s.version is null
                        or not exists (select from ops_policy_history h
                                        where h.key = 'approval_rules' and h.version = s.version))
     and s.required is not null
  union all
  select '14 nothing that expired ran', 'mission ' || s.id::text,
         format('its proposal expired at %s and was approved at %s', s.expires_at, s.approved_at)
    from started s
   where s.expires_at <= s.approved_at;

  return query
  select '14 nothing that expired ran', 'mission ' || m.id::text, 'its proposal is expired'
    from ops_missions m
    join ops_mission_proposals p on p.id = m.proposal_id and p.status = 'expired'
   where m.id > p_after and m.id <= p_upto;
end;
$$;
