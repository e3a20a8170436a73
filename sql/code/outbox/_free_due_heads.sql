create or replace function _free_due_heads()
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
-- Frees aggregates whose time has come: a retry is due, or a lease ran out because its processor vanished (which counts
-- as no try). Takes 20 timers a call. A timer whose lease was extended is set again, as is one whose head another
-- session has locked. Never waits.
-- Locks: outbox_timers, outbox_heads, SKIP LOCKED. Writes: both, ops_ready. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_types text[];
  v_ids text[];
  v_events bigint[];
  v_free_types text[];
  v_free_ids text[];
begin
  with due as (
    delete from outbox_timers t
     where (t.due_at, t.id) in (
       select d.due_at, d.id from outbox_timers d
        where d.due_at <= v_now
        order by d.due_at, d.id
        limit 20
          for update skip locked)
    returning t.aggregate_types, t.aggregate_ids, t.event_ids
  )
  select array_agg(u.aggregate_type), array_agg(u.aggregate_id), array_agg(u.event_id) into v_types, v_ids, v_events
    from due d cross join lateral unnest(d.aggregate_types, d.aggregate_ids,
                                         d.event_ids) u (aggregate_type, aggregate_id, event_id);
  if v_types is null then
    return;
  end if;

  select array_agg(f.aggregate_type), array_agg(f.aggregate_id) into v_free_types, v_free_ids
    from (select distinct l.aggregate_type, l.aggregate_id
            from (select h.aggregate_type, h.aggregate_id
                    from unnest(v_types, v_ids, v_events) d (aggregate_type, aggregate_id, event_id)
                    join outbox_heads h on h.aggregate_type = d.aggregate_type and h.aggregate_id = d.aggregate_id
                   where d.event_id = any (h.claimed) and coalesce(h.lease_expires_at, h.retry_at) <= v_now
                     for update of h skip locked) l) f;
  if v_free_types is not null then
    perform _free_heads(v_free_types, v_free_ids);
  end if;
  insert into outbox_timers (due_at, aggregate_types, aggregate_ids, event_ids)
  select w.due_at, array_agg(w.aggregate_type), array_agg(w.aggregate_id), array_agg(w.event_id)
    from (select greatest(coalesce(h.lease_expires_at, h.retry_at), v_now + interval '1 second') as due_at,
                 d.aggregate_type, d.aggregate_id, d.event_id
            from unnest(v_types, v_ids, v_events) d (aggregate_type, aggregate_id, event_id)
            join outbox_heads h on h.aggregate_type = d.aggregate_type and h.aggregate_id = d.aggregate_id
           where d.event_id = any (h.claimed)) w
   group by w.due_at;
end;
$$;
