create or replace function _enqueue_events(p_event_ids uuid[])
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts waiting events into their lane again, in order of id; returns how many. One that another session has locked is
-- left out: it is being looked at, or the next sweep finds it. A row too many in ops_ready does no harm.
-- Locks: the announcement; the events, SKIP LOCKED. Writes: ops_ready, ops_agent_events. Raises: nothing.
declare
  v_count integer;
begin
  perform _announce();
  with ready as (
    insert into ops_ready (lane, id)
    select _lane_of('events'), l.id
      from (select e.id from ops_agent_events e
             where e.id = any (p_event_ids) and e.processed_at is null
             order by e.id
               for no key update skip locked) l
    returning seq, id
  )
  update ops_agent_events e
     set ready_seq = r.seq
    from ready r
   -- Plans 2
   where e.id = r.id and e.id = any (p_event_ids);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
