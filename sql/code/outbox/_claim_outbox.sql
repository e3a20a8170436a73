create or replace function _claim_outbox(
  p_processor_id text,
  p_limit integer,
  p_per_aggregate integer,
  p_lease interval,
  p_policy jsonb
)
returns bigint[]
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Claims aggregates, and of each the first messages that wait: up to p_per_aggregate, p_limit in all. Returns the
-- messages, aggregate by aggregate and in order of id within each. With p_policy, an aggregate whose next message is
-- held (_outbox_hold) is left alone for 30 seconds.
--
-- A round reads hints, locks the heads of their aggregates, drops the hints, and leases the heads that are free. Hints
-- are only read until the head is locked: a claim that held the hint of one message could be overtaken by a claim that
-- found the hint of a later one. For the same reason a claim keeps its hands off some aggregates (_read_outbox_hints).
-- The hint of an aggregate that is leased or waits for a retry is dropped too: its message lies above the mark of the
-- head, or the mark is lowered.
--
-- The claim is about what had been committed when it began (v_seen), whatever its later statements see besides. Else
-- one of them could find a message of a transaction that ended meanwhile, but not an earlier one of the same aggregate,
-- which a statement before it has passed.
-- Locks: heads and hints, SKIP LOCKED; for aggregates without a head an advisory lock each, not waited for.
-- Writes: outbox_heads, outbox_timers, ops_ready, marks of lanes; outbox.last_error of what is held.
-- Raises: nothing.
declare
  -- Messages of an aggregate at once, where that many wait: several for each lock and each report, and still enough
  -- aggregates side by side.
  c_depth constant integer := 8;
  v_seen pg_snapshot := pg_current_snapshot();
  v_depth integer := least(p_per_aggregate, c_depth);
  v_front bigint := coalesce((_lane_fronts(array[_lane_of('outbox')]))[1], _last_ready_number() + 1);
  v_passed text[] := '{}';
  v_left integer := p_limit;
  v_width integer;
  v_hints record;
  v_heads record;
  v_free record;
  v_leased record;
  v_claimed bigint[] := '{}'::bigint[];
begin
  perform _free_due_heads();
  -- Rounds without a message are cheap. There are so many before a claim gives up that a relay that gets no message may
  -- sleep.
  for v_round in 1..100 loop
    select * into v_hints
      from _read_outbox_hints(
             v_front, case v_round when 1 then least(greatest(p_limit * 2, 100), 1000) else 1000 end, v_passed, v_seen);
    exit when v_hints.seqs is null;
    if v_hints.stale is not null then
      perform _drop_outbox_hints(v_hints.stale);
    end if;
    v_width := greatest((v_left + v_depth - 1) / v_depth, 1);
    select * into v_heads from _lock_heads(v_hints.types, v_hints.ids, v_hints.lowest, v_width);
    -- Else there may be more to claim among these hints, and the next round reads them again.
    if cardinality(v_heads.free) < v_width then
      v_front := v_hints.seqs[cardinality(v_hints.seqs)] + 1;
      v_passed := v_passed || v_hints.hands_off || array(
        select a.aggregate_type || ' ' || a.aggregate_id
          from unnest(v_hints.types, v_hints.ids) with ordinality a (aggregate_type, aggregate_id, index)
         where a.index <> all (v_heads.free || v_heads.busy));
    end if;
    continue when v_heads.free || v_heads.busy = '{}';

    -- The hints of these aggregates are no longer needed.
    perform _drop_outbox_hints(array(
      select n.seq from unnest(v_hints.seqs, v_hints.aggregates) n (seq, index)
       where n.index = any (v_heads.free || v_heads.busy)));
    continue when v_heads.free = '{}';

    select array_agg(a.aggregate_type order by a.index) as types, array_agg(a.aggregate_id order by a.index) as ids
      into v_free
      from unnest(v_hints.types, v_hints.ids) with ordinality a (aggregate_type, aggregate_id, index)
     where a.index = any (v_heads.free);
    select * into v_leased
      from _lease_heads(v_free.types, v_free.ids, greatest(least(p_per_aggregate, v_left / cardinality(v_free.ids)), 1),
                        p_processor_id, p_lease, p_policy, v_seen);
    v_claimed := v_claimed || v_leased.claimed;
    v_left := p_limit - cardinality(v_claimed);
    exit when v_left <= 0;
    v_depth := least(v_depth, greatest(v_leased.waiting / cardinality(v_free.ids), 1));
  end loop;
  return v_claimed;
end;
$$;
