create or replace function _requeue_outbox(p_event_ids bigint[])
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts messages that wait, but of which no claim knows, into the queue, in order of id; returns how many. One that
-- another session has locked is left out. A hint too many does no harm.
-- Locks: the announcement; the messages, SKIP LOCKED. Writes: ops_ready, outbox. Raises: nothing.
declare
  v_count integer;
begin
  perform _announce();
  with hint as (
    insert into ops_ready (lane, id)
    select _lane_of('outbox'), _outbox_ready_id(l.id)
      from (select o.id from outbox o
             where o.id = any (p_event_ids) and o.processed_at is null
             order by o.id
               for no key update skip locked) l
    returning seq, id
  )
  update outbox o
     set ready_seq = h.seq, dead = false
    from hint h
   -- Plans 2
   where o.id = _outbox_event_id(h.id) and o.id = any (p_event_ids);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
