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
-- Claims aggregates, and of each the first messages that wait: up to p_per_aggregate, p_limit in all. Returns the messages, aggregate
-- by aggregate and in order of id within each. With p_policy, an aggregate whose next message is held
-- (_outbox_hold) is left alone for 30 seconds.
--
-- Hints (rows of ops_ready) are only looked at until the head of their aggregate is locked, and taken out after that: so
-- nobody ever holds the hint of one message and is overtaken by somebody who found the hint of a later one. For the same
-- reason a claim keeps its hands off an aggregate of which somebody is just taking a hint (he may roll back), or of which
-- it has passed by an earlier hint itself. A hint of an
-- aggregate that somebody is working on is dropped: the message lies above the mark of the head, or the mark is lowered.
-- Locks: heads, SKIP LOCKED; for aggregates without one an advisory lock each, not waited for. Writes: outbox_heads,
-- outbox_timers, ops_ready, marks of lanes; outbox.last_error of what is held. Raises: nothing.
declare
  -- Of an aggregate at once, where that many wait: several for each lock and each report, and still enough aggregates
  -- side by side.
  c_depth constant integer := 8;
  c_hold constant interval := interval '30 seconds';
  v_class constant integer := 'outbox_heads'::regclass::oid::integer;
  v_front bigint := (_lane_fronts(array[3]))[1];
  v_now timestamptz;
  v_open xid[];
  v_unseen integer;
  v_left integer := p_limit;
  v_look integer;
  v_seqs bigint[];
  v_events bigint[];
  v_of integer[];
  v_stale bigint[];
  v_hands_off integer[];
  v_passed text[] := '{}';
  v_all_types text[];
  v_all_ids text[];
  v_free integer[];
  v_busy integer[];
  v_new integer[];
  v_width integer;
  v_depth integer := least(p_per_aggregate, c_depth);
  v_types text[];
  v_ids text[];
  v_dropped bigint[];
  v_run_place integer[];
  v_run_event bigint[];
  v_run_kind text[];
  v_held text[];
  v_reasons text[];
  v_cut bigint[];
  v_claimed bigint[] := '{}'::bigint[];
begin
  v_front := coalesce(v_front, _last_ready_number() + 1);
  perform _free_due_heads();
  v_now := _now();
  -- Hints that bring nothing cost little: so many of them, before a claim gives up, that one who is told "nothing" may rest.
  for v_round in 1..100 loop
    -- What open transactions are taking is known by its xmax (see _take_ready).
    v_open := array(select x::xid from pg_snapshot_xip(pg_current_snapshot()) x);
    v_unseen := age(pg_snapshot_xmax(pg_current_snapshot())::xid);
    v_look := case v_round when 1 then least(greatest(v_left * 2, 100), 1000) else 1000 end;
    -- The hints, each with the number of its aggregate, in the order in which these come first. (Whether a message waits
    -- is no condition of the join: the planner would take the wrong index.)
    with hints as materialized (
      select l.seq, l.event_id, l.taken, o.aggregate_type, o.aggregate_id
        from (select r.seq, _outbox_event_id(r.id) as event_id, age(r.xmax) <= v_unseen or r.xmax = any (v_open) as taken
                from ops_ready r
               where r.lane = 3 and r.seq >= v_front
               order by r.seq
               limit v_look) l
        left join lateral (
          select case when e.processed_at is null then e.aggregate_type end as aggregate_type, e.aggregate_id
            from outbox e where e.id = l.event_id) o on true
    ), numbered as (
      select w.*, (dense_rank() over (order by w.first))::integer as no
        from (select h.*, case when h.aggregate_type is not null
                               then min(h.seq) over (partition by h.aggregate_type, h.aggregate_id) end as first from hints h) w
    )
    select array_agg(n.seq order by n.seq), array_agg(n.event_id order by n.seq),
           array_agg(case when n.first is not null then n.no end order by n.seq),
           array_agg(n.seq) filter (where n.first is null and not n.taken),
           coalesce(array_agg(distinct n.no) filter (where n.first is not null and (n.taken or n.aggregate_type || ' ' || n.aggregate_id = any (v_passed))), '{}'),
           array_agg(n.aggregate_type order by n.no) filter (where n.seq = n.first),
           array_agg(n.aggregate_id order by n.no) filter (where n.seq = n.first)
      into v_seqs, v_events, v_of, v_stale, v_hands_off, v_all_types, v_all_ids
      from numbered n;
    exit when v_seqs is null;
    if v_stale is not null then
      perform _drop_outbox_hints(v_stale);
    end if;
    if v_all_types is null then
      v_front := v_seqs[cardinality(v_seqs)] + 1;
      continue;
    end if;

    -- Lock the heads there are …
    v_width := greatest((v_left + v_depth - 1) / v_depth, 1);
    select coalesce(array_agg(f.no order by f.no) filter (where f.free), '{}'),
           coalesce(array_agg(f.no) filter (where not f.free), '{}')
      into v_free, v_busy
      from (select a.no::integer as no, h.processor_id is null and h.retry_at is null as free
              from unnest(v_all_types, v_all_ids) with ordinality a (aggregate_type, aggregate_id, no)
              join outbox_heads h on h.aggregate_type = a.aggregate_type and h.aggregate_id = a.aggregate_id
             where a.no <> all (v_hands_off)
               for update of h skip locked) f;
    v_free := v_free[:v_width];
    -- … and make one where there is none. Two that would make the same one never wait for each other; whether it is
    -- really missing is asked again once the right to make it is had.
    if cardinality(v_free) < v_width then
      select array_agg(m.no) into v_new
        from (select a.no, a.aggregate_type, a.aggregate_id
                from unnest(v_all_types, v_all_ids) with ordinality a (aggregate_type, aggregate_id, no)
               where a.no <> all (v_hands_off)
                 and not exists (select from outbox_heads h where h.aggregate_type = a.aggregate_type
                                                              and h.aggregate_id = a.aggregate_id)
               order by a.no
               limit v_width - cardinality(v_free)) m
       where pg_try_advisory_xact_lock(v_class, hashtext(m.aggregate_type || ' ' || m.aggregate_id));
      if v_new is not null then
        with made as (
          insert into outbox_heads (aggregate_type, aggregate_id, mark)
          select a.aggregate_type, a.aggregate_id,
                 (select min(e.event_id) - 1 from unnest(v_of, v_events) e (no, event_id) where e.no = a.no)
            from unnest(v_all_types, v_all_ids) with ordinality a (aggregate_type, aggregate_id, no)
           where a.no = any (v_new)
             and not exists (select from outbox_heads h where h.aggregate_type = a.aggregate_type
                                                          and h.aggregate_id = a.aggregate_id)
          on conflict do nothing
          returning aggregate_type, aggregate_id
        ), keys as (
          select array_agg(m.aggregate_type || ' ' || m.aggregate_id) as made from made m
        )
        select v_free || coalesce(array_agg(a.no::integer order by a.no), '{}') into v_free
          from keys k
         cross join unnest(v_all_types, v_all_ids) with ordinality a (aggregate_type, aggregate_id, no)
         where a.no = any (v_new) and a.aggregate_type || ' ' || a.aggregate_id = any (k.made);
      end if;
    end if;

    -- If there may be more to take here, the next look begins here again.
    if cardinality(v_free) < v_width then
      v_front := v_seqs[cardinality(v_seqs)] + 1;
      v_passed := v_passed || array(
        select a.aggregate_type || ' ' || a.aggregate_id
          from unnest(v_all_types, v_all_ids) with ordinality a (aggregate_type, aggregate_id, no)
         where a.no <> all (v_free || v_busy));
    end if;

    -- Their hints have served.
    v_dropped := _drop_outbox_hints(array(
      select n.seq from unnest(v_of, v_seqs) n (no, seq) where n.no = any (v_free || v_busy)));
    update outbox_heads h
       set mark = d.lowest - 1
      from (select v_all_types[n.no] as aggregate_type, v_all_ids[n.no] as aggregate_id, min(n.event_id) as lowest
              from unnest(v_of, v_events) n (no, event_id)
             where n.event_id = any (v_dropped) and n.no = any (v_free || v_busy)
             group by n.no) d
     where h.aggregate_type = d.aggregate_type and h.aggregate_id = d.aggregate_id and d.lowest <= h.mark;
    continue when v_free = '{}';

    select array_agg(v_all_types[f.no] order by f.ord), array_agg(v_all_ids[f.no] order by f.ord) into v_types, v_ids
      from unnest(v_free) with ordinality f (no, ord);
    select array_agg(n.place), array_agg(w.id), array_agg(w.event_type) into v_run_place, v_run_event, v_run_kind
      from unnest(v_types, v_ids) with ordinality n (aggregate_type, aggregate_id, place)
      join outbox_heads h on h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
     cross join lateral (
       -- So that no index but outbox_waiting gives the order, and the scan ends with the aggregate.
       select o.id, o.event_type from outbox o
        where o.processed_at is null and o.aggregate_type = n.aggregate_type
          and (o.aggregate_id, o.id) > (n.aggregate_id, h.mark) and o.aggregate_id <= n.aggregate_id
        order by o.aggregate_id, o.id
        limit greatest(least(p_per_aggregate, v_left / cardinality(v_types)), 1)) w;
    v_cut := null;
    if p_policy is not null then
      with kinds as materialized (select distinct kind from unnest(v_run_kind) kind)
      select array_agg(k.kind), array_agg(h.reason) into v_held, v_reasons
        from kinds k cross join lateral (select _outbox_hold(k.kind, p_policy) as reason offset 0) h
       where h.reason is not null;
      -- Per aggregate the first message that is held, or null.
      select array_agg(c.event_id order by c.place) into v_cut
        from (select n.place, min(r.event_id) as event_id
                from generate_subscripts(v_types, 1) n (place)
                left join unnest(v_run_place, v_run_event, v_run_kind) r (place, event_id, kind)
                  on r.place = n.place and r.kind = any (v_held)
               group by n.place) c;
    end if;

    with run as (
      select r.place, array_agg(r.event_id order by r.event_id) filter (where v_cut[r.place] <= r.event_id is not true) as mine,
             min(r.event_id) as first
        from unnest(v_run_place, v_run_event) r (place, event_id)
       group by r.place
    ), got as (
      update outbox_heads h
         set mark = r.first - 1,
             processor_id = case when r.mine is not null then p_processor_id end,
             lease_expires_at = case when r.mine is not null then v_now + p_lease end,
             retry_at = case when r.mine is null then v_now + c_hold end,
             claimed = coalesce(r.mine, array[r.first])
        from run r
       where h.aggregate_type = v_types[r.place] and h.aggregate_id = v_ids[r.place]
      returning r.place, h.aggregate_type, h.aggregate_id, r.mine, h.claimed, coalesce(h.lease_expires_at, h.retry_at) as due_at
    ), timer as (
      insert into outbox_timers (due_at, aggregate_types, aggregate_ids, event_ids)
      select g.due_at, array_agg(g.aggregate_type), array_agg(g.aggregate_id), array_agg(g.claimed[cardinality(g.claimed)])
        from got g group by g.due_at
    )
    select v_claimed || coalesce(array_agg(e.id order by g.place, e.id), '{}') into v_claimed
      from got g cross join lateral unnest(g.mine) e (id);
    if v_held is not null then
      update outbox o set last_error = h.reason
        from unnest(v_held, v_reasons) h (kind, reason)
       where o.id = any (v_cut) and h.kind = o.event_type and o.last_error is distinct from h.reason;
    end if;
    -- Aggregates whose hints were all of the past.
    delete from outbox_heads h
     using unnest(v_types, v_ids) n (aggregate_type, aggregate_id)
     where h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
       and h.processor_id is null and h.retry_at is null;
    v_left := p_limit - cardinality(v_claimed);
    exit when v_left <= 0;
    v_depth := least(v_depth, greatest(cardinality(v_run_event) / cardinality(v_types), 1));
  end loop;
  return v_claimed;
end;
$$;
