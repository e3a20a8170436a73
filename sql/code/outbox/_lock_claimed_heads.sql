create or replace function _lock_claimed_heads(
  p_processor_id text,
  p_event_ids bigint[],
  out types text[],
  out ids text[]
)
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Locks the heads of the aggregates of these messages that the processor has, and returns those aggregates; null for
-- none. Never waits: a head that another session holds just now is not among them.
-- Locks: heads, SKIP LOCKED. Writes: nothing. Raises: nothing.
begin
  select array_agg(l.aggregate_type), array_agg(l.aggregate_id) into types, ids
    from (select h.aggregate_type, h.aggregate_id
            from (select distinct o.aggregate_type, o.aggregate_id from outbox o where o.id = any (p_event_ids)) a
            join outbox_heads h on h.aggregate_type = a.aggregate_type and h.aggregate_id = a.aggregate_id
           where h.processor_id = p_processor_id
             for update of h skip locked) l;
end;
$$;
