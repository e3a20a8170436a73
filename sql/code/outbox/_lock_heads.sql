create or replace function _lock_heads(
  p_types text[],
  p_ids text[],
  p_lowest bigint[],
  p_width integer,
  out free integer[],
  out busy integer[]
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
-- Locks the heads of aggregates, never waiting, and makes one for an aggregate that has none. Returns indexes in
-- p_types and p_ids. free: up to p_width aggregates that may be claimed now. busy: those that are leased or wait for a
-- retry. An aggregate in neither is left for another round: another session holds its head, or p_width are free without
-- it. p_lowest: of each aggregate the lowest message that is hinted at; a mark that is not below it is lowered.
-- Locks: heads, SKIP LOCKED; and as _make_heads. Writes: outbox_heads. Raises: nothing.
declare
  v_late integer[];
begin
  select coalesce(array_agg(l.index order by l.index) filter (where l.free), '{}'),
         coalesce(array_agg(l.index) filter (where not l.free), '{}'),
         array_agg(l.index) filter (where l.late)
    into free, busy, v_late
    from (select a.index::integer as index, h.processor_id is null and h.retry_at is null as free,
                 a.lowest <= h.mark as late
            from unnest(p_types, p_ids, p_lowest) with ordinality a (aggregate_type, aggregate_id, lowest, index)
            join outbox_heads h on h.aggregate_type = a.aggregate_type and h.aggregate_id = a.aggregate_id
             for update of h skip locked) l;
  if v_late is not null then
    update outbox_heads h
       set mark = p_lowest[n.index] - 1
      from unnest(v_late) n (index)
     where h.aggregate_type = p_types[n.index] and h.aggregate_id = p_ids[n.index];
  end if;
  free := free[:p_width];
  if cardinality(free) < p_width then
    free := free || _make_heads(p_types, p_ids, p_lowest, p_width - cardinality(free));
  end if;
end;
$$;
