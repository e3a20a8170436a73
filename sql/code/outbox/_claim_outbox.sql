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
set jit = off
as $$
-- Claims aggregates, and of each the first messages that wait: up to p_per_aggregate, p_limit in all. Returns the messages, aggregate
-- by aggregate and in order of id within each. With p_policy, an aggregate whose next message policy routes nowhere
-- is left alone for 30 seconds.
--
-- Hints (rows of ops_ready) are only looked at until the head of their aggregate is locked, and taken out after that: so
-- nobody ever holds the hint of one message and is overtaken by somebody who found the hint of a later one. A hint of an
-- aggregate that somebody is working on is dropped: the message lies above the mark of the head, or the mark is lowered.
-- Locks: heads, SKIP LOCKED; for aggregates without one an advisory lock each, not waited for. Writes: outbox_heads,
-- outbox_timers, ops_ready, marks of lanes; outbox.last_error of what policy routes nowhere. Raises: nothing.
declare
  c_unrouted constant interval := interval '30 seconds';
  v_class constant integer := 'outbox_heads'::regclass::oid::integer;
  v_front bigint := (select f.front from _lane_fronts(array[3]) f);
  v_now timestamptz;
  v_open xid[];
  v_unseen integer;
  v_left integer := p_limit;
  v_look integer;
  v_seqs bigint[];
  v_events bigint[];
  v_hint_types text[];
  v_hint_ids text[];
  v_stale bigint[];
  v_types text[];
  v_ids text[];
  v_new_types text[];
  v_new_ids text[];
  v_busy_types text[];
  v_busy_ids text[];
  v_dropped bigint[];
  v_each integer;
  v_run_place integer[];
  v_run_event bigint[];
  v_run_kind text[];
  v_nowhere text[];
  v_cut bigint[];
  v_claimed bigint[] := '{}'::bigint[];
begin
  v_front := coalesce(v_front, _last_ready_number() + 1);
  perform _free_due_heads();
  v_now := _now();
  -- Hints that bring nothing cost little: so many of them, before a claim gives up, that one who is told "nothing" may rest.
  for v_round in 1..100 loop
    -- What open transactions are taking is passed over (see _take_ready).
    v_open := array(select x::xid from pg_snapshot_xip(pg_current_snapshot()) x);
    v_unseen := age(pg_snapshot_xmax(pg_current_snapshot())::xid);
    v_look := case v_round when 1 then least(greatest(v_left * 2, 100), 1000) else 1000 end;
    -- (Whether a message waits is no condition of the join: the planner would take the wrong index.)
    select array_agg(l.seq order by l.seq), array_agg(l.event_id order by l.seq), array_agg(o.aggregate_type order by l.seq),
           array_agg(o.aggregate_id order by l.seq), array_agg(l.seq) filter (where o.waits is not true)
      into v_seqs, v_events, v_hint_types, v_hint_ids, v_stale
      from (select r.seq, _outbox_event_id(r.id) as event_id
              from ops_ready r
             where r.lane = 3 and r.seq >= v_front and age(r.xmax) > v_unseen and r.xmax <> all (v_open)
             order by r.seq
             limit v_look) l
      left join lateral (
        select case when e.processed_at is null then e.aggregate_type end as aggregate_type, e.aggregate_id, e.processed_at is null as waits
          from outbox e where e.id = l.event_id) o on true;
    exit when v_seqs is null;
    v_front := v_seqs[cardinality(v_seqs)] + 1;
    if v_stale is not null then
      perform _drop_outbox_hints(v_stale);
    end if;

    -- Lock the heads there are …
    select array_agg(f.aggregate_type) filter (where f.free), array_agg(f.aggregate_id) filter (where f.free),
           array_agg(f.aggregate_type) filter (where not f.free), array_agg(f.aggregate_id) filter (where not f.free)
      into v_types, v_ids, v_busy_types, v_busy_ids
      from (select h.aggregate_type, h.aggregate_id, h.processor_id is null and h.retry_at is null as free
              from (select distinct n.aggregate_type, n.aggregate_id
                      from unnest(v_hint_types, v_hint_ids) n (aggregate_type, aggregate_id)
                     where n.aggregate_type is not null) a
              join outbox_heads h on h.aggregate_type = a.aggregate_type and h.aggregate_id = a.aggregate_id
               for update of h skip locked) f;
    v_types := v_types[:v_left];
    v_ids := v_ids[:v_left];
    -- … and make one where there is none. Two that would make the same one never wait for each other; whether it is
    -- really missing is asked again once the right to make it is had.
    if coalesce(cardinality(v_types), 0) < v_left then
      select array_agg(m.aggregate_type), array_agg(m.aggregate_id) into v_new_types, v_new_ids
        from (select a.aggregate_type, a.aggregate_id
                from (select n.aggregate_type, n.aggregate_id, min(n.seq) as seq
                        from unnest(v_hint_types, v_hint_ids, v_seqs) n (aggregate_type, aggregate_id, seq)
                       where n.aggregate_type is not null
                         and not exists (select from outbox_heads h where h.aggregate_type = n.aggregate_type
                                                                      and h.aggregate_id = n.aggregate_id)
                       group by n.aggregate_type, n.aggregate_id
                       order by min(n.seq)
                       limit v_left - coalesce(cardinality(v_types), 0)) a
               where pg_try_advisory_xact_lock(v_class, hashtext(a.aggregate_type || ' ' || a.aggregate_id))) m;
      if v_new_types is not null then
        with made as (
          insert into outbox_heads (aggregate_type, aggregate_id, mark)
          select n.aggregate_type, n.aggregate_id,
                 (select min(e.event_id) - 1 from unnest(v_hint_types, v_hint_ids, v_events) e (aggregate_type, aggregate_id, event_id)
                   where e.aggregate_type = n.aggregate_type and e.aggregate_id = n.aggregate_id)
            from unnest(v_new_types, v_new_ids) n (aggregate_type, aggregate_id)
           where not exists (select from outbox_heads h where h.aggregate_type = n.aggregate_type
                                                          and h.aggregate_id = n.aggregate_id)
          on conflict do nothing
          returning aggregate_type, aggregate_id
        )
        select v_types || array_agg(m.aggregate_type), v_ids || array_agg(m.aggregate_id) into v_types, v_ids from made m;
      end if;
    end if;
    continue when v_types is null and v_busy_types is null;

    -- Their hints have served.
    v_dropped := _drop_outbox_hints(array(
      select n.seq
        from unnest(v_hint_types, v_hint_ids, v_seqs) n (aggregate_type, aggregate_id, seq)
        join unnest(v_types || v_busy_types, v_ids || v_busy_ids) a (aggregate_type, aggregate_id)
          on a.aggregate_type = n.aggregate_type and a.aggregate_id = n.aggregate_id));
    update outbox_heads h
       set mark = d.lowest - 1
      from (select n.aggregate_type, n.aggregate_id, min(n.event_id) as lowest
              from unnest(v_hint_types, v_hint_ids, v_events) n (aggregate_type, aggregate_id, event_id)
             where n.event_id = any (v_dropped)
             group by n.aggregate_type, n.aggregate_id) d
     where h.aggregate_type = d.aggregate_type and h.aggregate_id = d.aggregate_id and d.lowest <= h.mark;
    continue when v_types is null;

    v_each := greatest(least(p_per_aggregate, v_left / cardinality(v_types)), 1);
    select array_agg(n.place), array_agg(w.id), array_agg(w.event_type) into v_run_place, v_run_event, v_run_kind
      from unnest(v_types, v_ids) with ordinality n (aggregate_type, aggregate_id, place)
      join outbox_heads h on h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
     cross join lateral (
       -- Compared as a row, so that no index but outbox_waiting gives the order.
       select o.aggregate_type, o.aggregate_id, o.id, o.event_type from outbox o
        where o.processed_at is null
          and (o.aggregate_type, o.aggregate_id, o.id) > (n.aggregate_type, n.aggregate_id, h.mark)
        order by o.aggregate_type, o.aggregate_id, o.id
        limit v_each) w
     where w.aggregate_type = n.aggregate_type and w.aggregate_id = n.aggregate_id;
    v_cut := null;
    if p_policy is not null then
      with kinds as materialized (select distinct kind from unnest(v_run_kind) kind)
      select array_agg(k.kind) into v_nowhere from kinds k where _outbox_route(k.kind, p_policy) is null;
      -- Per aggregate the first message that goes nowhere, or null.
      select array_agg(c.event_id order by c.place) into v_cut
        from (select n.place, min(r.event_id) as event_id
                from generate_subscripts(v_types, 1) n (place)
                left join unnest(v_run_place, v_run_event, v_run_kind) r (place, event_id, kind)
                  on r.place = n.place and r.kind = any (v_nowhere)
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
             retry_at = case when r.mine is null then v_now + c_unrouted end,
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
    if v_nowhere is not null then
      update outbox o set last_error = 'no route in the policy outbox for ' || o.event_type
       where o.id = any (v_cut) and o.last_error is distinct from 'no route in the policy outbox for ' || o.event_type;
    end if;
    -- Aggregates whose hints were all of the past.
    delete from outbox_heads h
     using unnest(v_types, v_ids) n (aggregate_type, aggregate_id)
     where h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
       and h.processor_id is null and h.retry_at is null;
    v_left := p_limit - cardinality(v_claimed);
    exit when v_left <= 0;
  end loop;
  return v_claimed;
end;
$$;
