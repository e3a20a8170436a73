create or replace function _ready_outbox(p_event_ids bigint[])
returns void
language plpgsql
set search_path from current
as $$
-- Puts hints at the end of the lane of the outbox. A hint says that the aggregate of this message may have something to
-- deliver. One hint too many does no harm; without a hint a message would never be delivered.
-- Locks: the announcement. Writes: ops_ready. Raises: nothing.
begin
  perform _announce();
  insert into ops_ready (lane, id)
  select _lane_of('outbox'), _outbox_ready_id(e.id) from unnest(p_event_ids) with ordinality e (id, ord) order by e.ord;
end;
$$;
