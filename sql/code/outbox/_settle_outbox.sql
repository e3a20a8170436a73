create or replace function _settle_outbox(
  p_processor_id text,
  p_event_ids bigint[],
  p_outcomes text[],
  p_errors text[],
  p_after double precision[]
)
returns table (event_id bigint, outcome text)
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- What became of claimed messages: delivered, retry, dead or released; notify is delivered here, by NOTIFY, in this
-- transaction. Of each aggregate they count in order: up to the
-- first that failed, was released, or of which nothing is said yet. What that leaves behind it is released when the
-- aggregate goes, and answered OPS_006, as is whatever the processor does not have (any more). busy: somebody holds the
-- head of the aggregate just now; say it again.
-- Locks: outbox_heads, SKIP LOCKED. Writes: outbox, outbox_heads, outbox_timers, ops_ready, dead_letter_archive,
-- ops_counts. Raises: nothing.
declare
  c_longest constant integer := 7999;
  v_now timestamptz := _now();
  v_policy jsonb := _policy('outbox');
  v_types text[];
  v_ids text[];
  v_places integer[];
  v_events bigint[];
  v_verdicts text[];
  v_errors text[];
  v_after double precision[];
  v_channels text[];
  v_bodies text[];
  v_free_types text[];
  v_free_ids text[];
begin
  select array_agg(l.aggregate_type), array_agg(l.aggregate_id) into v_types, v_ids
    from (select h.aggregate_type, h.aggregate_id
            from (select distinct o.aggregate_type, o.aggregate_id from outbox o where o.id = any (p_event_ids)) a
            join outbox_heads h on h.aggregate_type = a.aggregate_type and h.aggregate_id = a.aggregate_id
           where h.processor_id = p_processor_id
             for update of h skip locked) l;

  -- Per aggregate what was claimed, in order, each with what is said of it and, where that is retry, whether it may;
  -- then only what comes up to the first that stops the aggregate. What was deleted by hand stops nothing.
  with kinds as materialized (
    select distinct o.event_type as kind from outbox o where o.id = any (p_event_ids)
  ), limits as materialized (
    select r.kind, coalesce((r.route ->> 'max_tries')::integer, (v_policy ->> 'max_tries')::integer, 10) as tries,
           r.route ->> 'channel' as channel
      from (select k.kind, _outbox_route(k.kind, v_policy) as route from kinds k offset 0) r
  ), claimed as materialized (
    select n.place, c.id, c.ord, s.after,
           case when octet_length(b.body) > c_longest
                  then format('the message has %s bytes; NOTIFY carries %s at most', octet_length(b.body), c_longest)
                else s.error end as error,
           case when o.id is null then 'gone'
                when s.outcome = 'retry' and o.retry_count + 1 >= l.tries then 'dead'
                when s.outcome = 'notify' then
                  case when l.channel is null then 'released'
                       when octet_length(b.body) > c_longest then 'dead'
                       else 'notified' end
                else s.outcome end as outcome,
           o.retry_count, l.channel, b.body
      from unnest(v_types, v_ids) with ordinality n (aggregate_type, aggregate_id, place)
      join outbox_heads h on h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
     cross join lateral unnest(h.claimed) with ordinality c (id, ord)
      left join outbox o on o.id = c.id
     -- Of several reports of one message the first counts.
     cross join lateral (select array_position(p_event_ids, c.id) as at) p
     cross join lateral (select p_outcomes[p.at] as outcome, p_errors[p.at] as error, p_after[p.at] as after) s
      left join limits l on l.kind = o.event_type
      left join lateral (
        select _outbox_body(o.message_id, o.id, o.aggregate_type, o.aggregate_id, o.event_type, o.created_at, o.payload) as body
         where s.outcome = 'notify') b on true
  ), stops as (
    select c.place, min(c.ord) as ord from claimed c
     where c.outcome is null or c.outcome in ('retry', 'released')
     group by c.place
  )
  select array_agg(c.place), array_agg(c.id), array_agg(c.outcome), array_agg(c.error),
         array_agg(case c.outcome when 'retry' then coalesce(c.after, 2 ^ least(c.retry_count + 1, 10)) end),
         array_agg(c.channel order by c.id) filter (where c.outcome = 'notified'),
         array_agg(c.body order by c.id) filter (where c.outcome = 'notified')
    into v_places, v_events, v_verdicts, v_errors, v_after, v_channels, v_bodies
    from claimed c
    left join stops s on s.place = c.place
   where c.outcome is not null and (s.ord is null or c.ord <= s.ord);

  if v_bodies is not null then
    perform pg_notify(n.channel, n.body) from unnest(v_channels, v_bodies) n (channel, body);
    v_verdicts := array_replace(v_verdicts, 'notified', 'delivered');
  end if;
  update outbox o
     set processed_at = case when v.verdict in ('delivered', 'dead') then v_now end,
         dead = v.verdict = 'dead',
         processor_id = p_processor_id,
         retry_count = o.retry_count + (v.verdict <> 'delivered')::integer,
         last_error = coalesce(v.error, o.last_error),
         error_history = case v.verdict when 'delivered' then o.error_history
                           else o.error_history || jsonb_build_object('at', v_now, 'processor', p_processor_id, 'error', v.error) end
    from unnest(v_events, v_verdicts, v_errors) v (id, verdict, error)
   where o.id = v.id and v.verdict in ('delivered', 'retry', 'dead');
  if 'dead' = any (v_verdicts) then
    perform _bury_outbox(array(select v.id from unnest(v_events, v_verdicts) v (id, verdict) where v.verdict = 'dead'));
  end if;
  perform _count('m10_outbox_retry_total', cardinality(array_positions(v_verdicts, 'retry')));

  -- The heads: one that waits for a retry, one that has more of what it claimed, and those that are free.
  with heads as (
    update outbox_heads h
       set processor_id = null, lease_expires_at = null, claimed = array[v.id],
           retry_at = v_now + make_interval(secs => v.after)
      from unnest(v_places, v_events, v_verdicts, v_after) v (place, id, verdict, after)
     where h.aggregate_type = v_types[v.place] and h.aggregate_id = v_ids[v.place] and v.verdict = 'retry'
    returning h.aggregate_type, h.aggregate_id, h.retry_at, v.id
  )
  insert into outbox_timers (due_at, aggregate_types, aggregate_ids, event_ids)
  select h.retry_at, array_agg(h.aggregate_type), array_agg(h.aggregate_id), array_agg(h.id) from heads h group by h.retry_at;

  select array_agg(v_types[h.place]), array_agg(v_ids[h.place]) into v_free_types, v_free_ids
    from (select n.place from unnest(v_types, v_ids) with ordinality n (aggregate_type, aggregate_id, place)
            join outbox_heads h on h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
           where h.processor_id is not null
             and (h.claimed <@ v_events
                  or exists (select from unnest(v_places, v_verdicts) v (place, verdict)
                              where v.place = n.place and v.verdict = 'released'))) h;
  update outbox_heads h
     set claimed = array(select c.id from unnest(h.claimed) with ordinality c (id, ord) where c.id <> all (v_events) order by c.ord)
   where h.processor_id = p_processor_id and h.claimed && v_events
     and (h.aggregate_type, h.aggregate_id) in (select t, i from unnest(v_types, v_ids) n (t, i))
     and (h.aggregate_type, h.aggregate_id) not in (select t, i from unnest(v_free_types, v_free_ids) n (t, i));
  if v_free_types is not null then
    perform _free_heads(v_free_types, v_free_ids);
  end if;

  return query
  select s.id,
         case when v.verdict is not null then v.verdict
              when exists (select from outbox o
                             join outbox_heads h on h.aggregate_type = o.aggregate_type and h.aggregate_id = o.aggregate_id
                            where o.id = s.id and h.processor_id = p_processor_id and s.id = any (h.claimed)
                              and not exists (select from unnest(v_types, v_ids) n (t, i)
                                               where n.t = h.aggregate_type and n.i = h.aggregate_id)) then 'busy'
              else 'OPS_006' end
    from unnest(p_event_ids) with ordinality s (id, ord)
   cross join lateral (select v_verdicts[array_position(v_events, s.id)] as verdict) v
   order by s.ord;
end;
$$;
