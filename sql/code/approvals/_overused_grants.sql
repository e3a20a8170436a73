create or replace function _overused_grants()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Grants that were used beyond their bounds: too often, too late, for another digest, or for what their login proposed.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '15 grants keep their bounds', 'grant ' || g.id::text, f.fault
    from ops_grants g
   cross join lateral (
     -- A use before it was given is a clock that was set back: a grant that is not there cannot be used.
     select count(*) as n, count(*) filter (where u.used_at >= g.until or u.used_at > g.revoked_at) as late,
            count(*) filter (where not exists (
              select from ops_proposal_votes v
               where v.proposal_id = u.proposal_id and v.decision and v.voted_login = g.granted_login)) as unvoted,
            count(p.id) filter (where g.granted_login = any (p.proposers)) as own
       from ops_grant_uses u
       left join ops_mission_proposals p on p.id = u.proposal_id
      where u.grant_id = g.id) u
   cross join lateral (values
     (case when u.n <> g.uses or u.n > g.max_uses
           then format('%s uses on record, %s counted, %s allowed', u.n, g.uses, g.max_uses) end),
     (case when u.late > 0 then format('%s uses when it was not in force', u.late) end),
     (case when u.unvoted > 0 then format('%s uses without a vote', u.unvoted) end),
     (case when u.own > 0 then format('%s uses for what its login proposed', u.own) end)) f (fault)
   where f.fault is not null;
end;
$$;
