create or replace function _free_heads(p_types text[], p_ids text[])
returns void
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Frees aggregates whose heads the caller has locked: the next message of each becomes ready. The head of an aggregate
-- without a waiting message is deleted; later messages bring hints of their own.
-- Locks: none of its own. Writes: outbox_heads, ops_ready. Raises: nothing.
declare
  v_types text[];
  v_ids text[];
  v_next bigint[];
begin
  select array_agg(a.aggregate_type), array_agg(a.aggregate_id), array_agg(a.next) into v_types, v_ids, v_next
    from (select h.aggregate_type, h.aggregate_id,
                 -- Written so that only outbox_waiting has this order, and the scan ends with the aggregate.
                 (select o.id from outbox o
                   where o.processed_at is null and o.aggregate_type = h.aggregate_type
                     and (o.aggregate_id, o.id) > (h.aggregate_id, h.mark) and o.aggregate_id <= h.aggregate_id
                   order by o.aggregate_id, o.id
                   limit 1) as next
            from unnest(p_types, p_ids) n (aggregate_type, aggregate_id)
            join outbox_heads h on h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
           order by next) a;
  delete from outbox_heads h
   using unnest(v_types, v_ids, v_next) n (aggregate_type, aggregate_id, next)
   where h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id and n.next is null;
  update outbox_heads h
     set processor_id = null, lease_expires_at = null, retry_at = null, claimed = '{}', mark = n.next - 1
    from unnest(v_types, v_ids, v_next) n (aggregate_type, aggregate_id, next)
   where h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id and n.next is not null;
  if found then
    perform _ready_outbox(array_remove(v_next, null));
  end if;
end;
$$;
