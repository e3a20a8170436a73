create or replace function _broken_reactions(p_after uuid, p_upto uuid)
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Reactions that no heartbeat would find, that exist twice, or that are done without a proposal, of those with an id
-- above p_after and up to p_upto; a proposal may have been purged. Reads these, their proposals and what was purged.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  -- Reactions from before the oldest record of a purge may have lost their proposal in one that is forgotten.
  v_forgotten constant timestamptz := (
    select coalesce((select min(g.purged_at) from ops_purged g), 'infinity')
      from ops_retention r where r.part = 'purged' and r.purged > 0);
begin
  return query
  select '2 something frees all that waits', 'reaction ' || a.id::text, format('%s, but not in ops_ready', a.status)
    from ops_agent_reactions a
   where a.id > p_after and a.id <= p_upto
     and a.status in ('queued', 'processing')
     and not exists (select from ops_ready r where r.lane = _lane_of('reactions') and r.id = a.id)
  union all
  select '6 once each', format('event %s × %s', a.event_id, a.pattern), format('%s reactions', count(*))
    from ops_agent_reactions a
   where a.id > p_after and a.id <= p_upto
   group by a.event_id, a.pattern
  having count(*) > 1
  union all
  select '6 once each', 'reaction ' || a.id::text, 'done without a proposal'
    from ops_agent_reactions a
    left join ops_mission_proposals p on p.id = a.proposal_id
   where a.id > p_after and a.id <= p_upto and a.status = 'done' and p.id is null
     and (a.proposal_id is null
          or a.proposal_id not in (select u.id from ops_purged g cross join lateral unnest(g.proposals) u (id)))
     and coalesce(a.created_at >= v_forgotten, true);
end;
$$;
