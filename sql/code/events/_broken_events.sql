create or replace function _broken_events(p_after uuid, p_upto uuid)
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Waiting events that no heartbeat would find, of those with an id above p_after and up to p_upto.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '2 something frees all that waits', 'event ' || e.id::text, 'waits, but is not in ops_ready'
    from ops_agent_events e
   where e.id > p_after and e.id <= p_upto and e.processed_at is null
     and not exists (select from ops_ready r where r.lane = _lane_of('events') and r.id = e.id);
end;
$$;
