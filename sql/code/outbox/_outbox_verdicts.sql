create or replace function _outbox_verdicts(
  p_types text[],
  p_ids text[],
  p_event_ids bigint[],
  p_outcomes text[],
  p_errors text[],
  p_after double precision[],
  out heads integer[],
  out event_ids bigint[],
  out verdicts text[],
  out errors text[],
  out after double precision[],
  out channels text[],
  out bodies text[]
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
-- Which of the reports about claimed messages count, and as what. p_types and p_ids: aggregates whose heads the caller
-- has locked; heads: of each message the index of its aggregate among them. verdicts: delivered, retry, dead, released,
-- or gone for a message that was deleted by hand. after: the seconds until a retry. channels and bodies: what NOTIFY is
-- to deliver, in order of id.
--
-- Of each aggregate the reports count in order: up to the first message that failed, was released, or of which nothing
-- is said yet. A retry is dead when it is out of tries; a notify is dead when its message is too long, and released
-- when its route has no channel any more.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_longest constant integer := 7999;
  v_policy jsonb := _policy('outbox');
begin
  with kinds as materialized (
    select distinct o.event_type as kind from outbox o where o.id = any (p_event_ids)
  ), limits as materialized (
    select r.kind, coalesce((r.route ->> 'max_tries')::integer, (v_policy ->> 'max_tries')::integer, 10) as tries,
           r.route ->> 'channel' as channel
      from (select k.kind, _outbox_route(k.kind, v_policy) as route from kinds k offset 0) r
  ), claimed as materialized (
    select n.head, c.id, c.ord, s.after,
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
      from unnest(p_types, p_ids) with ordinality n (aggregate_type, aggregate_id, head)
      join outbox_heads h on h.aggregate_type = n.aggregate_type and h.aggregate_id = n.aggregate_id
     cross join lateral unnest(h.claimed) with ordinality c (id, ord)
      left join outbox o on o.id = c.id
     -- Of several reports of one message the first counts.
     cross join lateral (select array_position(p_event_ids, c.id) as at) p
     cross join lateral (select p_outcomes[p.at] as outcome, p_errors[p.at] as error, p_after[p.at] as after) s
      left join limits l on l.kind = o.event_type
      left join lateral (
        select _outbox_body(o.message_id, o.id, o.aggregate_type, o.aggregate_id, o.event_type, o.created_at,
                            o.payload) as body
         where s.outcome = 'notify') b on true
  ), stops as (
    select c.head, min(c.ord) as ord from claimed c
     where c.outcome is null or c.outcome in ('retry', 'released')
     group by c.head
  )
  select array_agg(c.head), array_agg(c.id),
         array_agg(case c.outcome when 'notified' then 'delivered' else c.outcome end), array_agg(c.error),
         array_agg(case c.outcome when 'retry' then coalesce(c.after, 2 ^ least(c.retry_count + 1, 10)) end),
         array_agg(c.channel order by c.id) filter (where c.outcome = 'notified'),
         array_agg(c.body order by c.id) filter (where c.outcome = 'notified')
    into heads, event_ids, verdicts, errors, after, channels, bodies
    from claimed c
    left join stops s on s.head = c.head
   where c.outcome is not null and (s.ord is null or c.ord <= s.ord);
end;
$$;
