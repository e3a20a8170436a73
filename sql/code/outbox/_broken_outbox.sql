create or replace function _broken_outbox()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Messages that no claim would find, aggregates that nothing would free, and claims of what is done or out of order.
-- Reads what waits, not what was delivered.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with hints as materialized (
    select _outbox_event_id(r.id) as event_id from ops_ready r where r.lane = _lane_of('outbox')
  ), timers as materialized (
    select distinct e.id as event_id from outbox_timers t cross join lateral unnest(t.event_ids) e (id)
  )
  select '2 something frees all that waits', 'message ' || o.id::text,
         'waits, but is neither in ops_ready nor above the mark of its aggregate'
    from outbox o
    left join outbox_heads h on h.aggregate_type = o.aggregate_type and h.aggregate_id = o.aggregate_id
   where o.processed_at is null and o.id > h.mark is not true
     and not exists (select from hints n where n.event_id = o.id)
  union all
  select '2 something frees all that waits', format('aggregate %s %s', h.aggregate_type, h.aggregate_id),
         'is free, but not in ops_ready'
    from outbox_heads h
   where h.processor_id is null and h.retry_at is null
     and not exists (select from outbox o join hints n on n.event_id = o.id
                      where o.aggregate_type = h.aggregate_type and o.aggregate_id = h.aggregate_id
                        and o.processed_at is null)
  union all
  select '2 something frees all that waits', format('aggregate %s %s', h.aggregate_type, h.aggregate_id),
         'no timer of its claim or retry'
    from outbox_heads h
   where (h.processor_id is not null or h.retry_at is not null)
     and not exists (select from timers t where t.event_id = any (h.claimed))
  union all
  select '7 outbox', 'message ' || o.id::text, 'both processed and claimed by ' || h.processor_id
    from outbox_heads h
    join outbox o on o.id = any (h.claimed)
   where h.processor_id is not null and o.processed_at is not null
  union all
  select '7 outbox', format('aggregate %s %s', h.aggregate_type, h.aggregate_id),
         format('claimed out of order: %s', h.claimed)
    from outbox_heads h
   where h.claimed <> array(select c.id from unnest(h.claimed) c (id) order by c.id)
      or exists (select from outbox o where o.id = any (h.claimed)
                                        and (o.aggregate_type, o.aggregate_id) <> (h.aggregate_type, h.aggregate_id));
end;
$$;
