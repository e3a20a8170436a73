create or replace function _ready_outbox(p_event_ids bigint[])
returns void
language plpgsql
set search_path from current
as $$
-- Puts messages at the end of the lane of the outbox, for claims to come upon. A row there is a hint that the aggregate
-- of this message may have something to deliver; one too many does no harm, one too few would be a lost message.
-- Locks: the announcement. Writes: ops_ready. Raises: nothing.
begin
  perform _announce();
  insert into ops_ready (lane, id)
  select _lane_of('outbox'), _outbox_ready_id(e.id) from unnest(p_event_ids) with ordinality e (id, ord) order by e.ord;
end;
$$;
