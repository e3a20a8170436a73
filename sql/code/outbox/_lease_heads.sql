create or replace function _lease_heads(
  p_types text[],
  p_ids text[],
  p_each integer,
  p_processor_id text,
  p_lease interval,
  p_policy jsonb,
  p_seen pg_snapshot,
  out claimed bigint[],
  out waiting integer
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
-- Leases free heads, which the caller has locked, each with the first messages of its aggregate that wait, up to
-- p_each. With p_policy a lease ends before the first message that is held (_outbox_hold); an aggregate that begins
-- with such a message is left alone for 30 seconds. It ends, too, before the first message that was committed after
-- p_seen (_published_since): of those before that one none is missing, of later ones some may be, as their hints were
-- not looked at. An aggregate that begins with such a message is free for the next claim. A head of which nothing waits
-- is removed. claimed: the messages, aggregate by aggregate and in order of id within each; waiting: how many were
-- found to wait.
-- Locks: none of its own. Writes: outbox_heads, outbox_timers, outbox.last_error of what is held.
-- Raises: nothing.
declare
  c_hold constant interval := interval '30 seconds';
  v_now timestamptz := _now();
  v_run record;
  v_held text[];
  v_reasons text[];
  v_stops bigint[];
begin
  select array_agg(n.head) as heads, array_agg(w.id) as event_ids, array_agg(w.event_type) as kinds,
         array_agg(w.is_new) as news
    into v_run
    from unnest(p_types, p_ids) with ordinality n (aggregate_type, aggregate_id, head)
    join outbox_heads h on h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
   cross join lateral (
     -- Written so that only outbox_waiting has this order, and the scan ends with the aggregate.
     select o.id, o.event_type, _published_since(o.published_in, p_seen) as is_new from outbox o
      where o.processed_at is null and o.aggregate_type = n.aggregate_type
        and (o.aggregate_id, o.id) > (n.aggregate_id, h.mark) and o.aggregate_id <= n.aggregate_id
      order by o.aggregate_id, o.id
      limit p_each) w;
  waiting := coalesce(cardinality(v_run.event_ids), 0);
  if p_policy is not null then
    with kinds as materialized (select distinct kind from unnest(v_run.kinds) kind)
    select array_agg(k.kind), array_agg(h.reason) into v_held, v_reasons
      from kinds k cross join lateral (select _outbox_hold(k.kind, p_policy) as reason offset 0) h
     where h.reason is not null;
  end if;

  with run as (
    select w.head, array_agg(w.event_id order by w.event_id) filter (where w.stop <= w.event_id is not true) as mine,
           min(w.event_id) as first, min(w.stop) as stop, bool_or(w.is_new and w.event_id = w.stop) as only_new
      from (select r.*,
                   min(r.event_id) filter (where r.is_new or r.kind = any (v_held)) over (partition by r.head) as stop
              from unnest(v_run.heads, v_run.event_ids, v_run.kinds, v_run.news) r (head, event_id, kind, is_new)) w
     group by w.head
  ), got as (
    update outbox_heads h
       set mark = r.first - 1,
           processor_id = case when r.mine is not null then p_processor_id end,
           lease_expires_at = case when r.mine is not null then v_now + p_lease end,
           retry_at = case when r.mine is not null then null when r.only_new then v_now else v_now + c_hold end,
           claimed = coalesce(r.mine, array[r.first])
      from run r
     where h.aggregate_type = p_types[r.head] and h.aggregate_id = p_ids[r.head]
    returning r.head, h.aggregate_type, h.aggregate_id, r.mine, h.claimed,
              coalesce(h.lease_expires_at, h.retry_at) as due_at
  ), timer as (
    insert into outbox_timers (due_at, aggregate_types, aggregate_ids, event_ids)
    select g.due_at, array_agg(g.aggregate_type), array_agg(g.aggregate_id),
           array_agg(g.claimed[cardinality(g.claimed)])
      from got g group by g.due_at
  )
  select coalesce(array_agg(e.id order by g.head, e.id), '{}'), (select array_agg(r.stop) from run r)
    into claimed, v_stops
    from got g cross join lateral unnest(g.mine) e (id);
  if v_held is not null then
    update outbox o set last_error = k.reason
      from unnest(v_held, v_reasons) k (kind, reason)
     where o.id = any (v_stops) and k.kind = o.event_type and o.last_error is distinct from k.reason;
  end if;
  -- Aggregates of which no message waits any more.
  delete from outbox_heads h
   using unnest(p_types, p_ids) n (aggregate_type, aggregate_id)
   where h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
     and h.processor_id is null and h.retry_at is null;
end;
$$;
