create or replace function _make_heads(p_types text[], p_ids text[], p_lowest bigint[], p_limit integer)
returns integer[]
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Makes heads for up to p_limit of these aggregates that have none, and returns their indexes in p_types and p_ids;
-- until the commit no other session sees them. p_lowest: of each aggregate the lowest message that is hinted at; the
-- mark is just below. Two claims that would make the same head never wait for each other: an advisory lock gives one of
-- them the right, and it asks again whether the head is missing.
-- Locks: for each aggregate an advisory lock, not waited for. Writes: outbox_heads. Raises: nothing.
declare
  v_class constant integer := 'outbox_heads'::regclass::oid::integer;
  v_missing integer[];
  v_made integer[];
begin
  select array_agg(m.index) into v_missing
    from (select a.index, a.aggregate_type, a.aggregate_id
            from unnest(p_types, p_ids) with ordinality a (aggregate_type, aggregate_id, index)
           where not exists (select from outbox_heads h where h.aggregate_type = a.aggregate_type
                                                          and h.aggregate_id = a.aggregate_id)
           order by a.index
           limit p_limit) m
   where pg_try_advisory_xact_lock(v_class, hashtext(m.aggregate_type || ' ' || m.aggregate_id));
  if v_missing is null then
    return '{}'::integer[];
  end if;
  with made as (
    insert into outbox_heads (aggregate_type, aggregate_id, mark)
    select a.aggregate_type, a.aggregate_id, a.lowest - 1
      from unnest(p_types, p_ids, p_lowest) with ordinality a (aggregate_type, aggregate_id, lowest, index)
     where a.index = any (v_missing)
       and not exists (select from outbox_heads h where h.aggregate_type = a.aggregate_type
                                                    and h.aggregate_id = a.aggregate_id)
    on conflict do nothing
    returning mark
  )
  -- The mark identifies the head: no two aggregates have the same message.
  select coalesce(array_agg(a.index::integer order by a.index), '{}') into v_made
    from made m
    join unnest(p_lowest) with ordinality a (lowest, index) on a.lowest = m.mark + 1;
  return v_made;
end;
$$;
