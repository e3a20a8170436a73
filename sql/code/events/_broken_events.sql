create or replace function _broken_events()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Events and reactions that nobody would look at, and reactions or proposals that are there twice. Reads all events,
-- reactions and proposals.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '2 something frees all that waits', 'event ' || e.id, 'waits, but is not in ops_ready'
    from ops_agent_events e
   where e.processed_at is null and not exists (select from ops_ready r where r.lane = 1 and r.id = e.id)
  union all
  select '2 something frees all that waits', 'reaction ' || a.id, format('%s, but not in ops_ready', a.status)
    from ops_agent_reactions a
   where a.status in ('queued', 'processing') and not exists (select from ops_ready r where r.lane = 2 and r.id = a.id)
  union all
  select '6 once each', format('event %s × %s', a.event_id, a.pattern), format('%s reactions', count(*))
    from ops_agent_reactions a
   group by a.event_id, a.pattern
  having count(*) > 1
  union all
  select '6 once each', 'reaction ' || p.reaction_id, format('%s proposals', count(*))
    from ops_mission_proposals p
   where p.reaction_id is not null
   group by p.reaction_id
  having count(*) > 1
  union all
  select '6 once each', 'reaction ' || a.id, 'done without a proposal'
    from ops_agent_reactions a
    left join ops_mission_proposals p on p.id = a.proposal_id
   where a.status = 'done' and p.id is null;
end;
$$;
