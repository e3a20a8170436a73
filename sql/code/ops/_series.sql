create or replace function _series()
returns table (name text, suffix text, labels text[], value numeric)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The samples of metrics with labels: the name in _measures(), what the sample adds to it (_bucket, _sum or _count of a
-- histogram), and its labels, a name and a value in turn. Bounded: attempts have 201 pairs of kind and executor at most
-- (_add_attempts), of lanes and caps the first 100 and 50 are shown.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_bounds constant text[] := array(select trim_scale(b)::text from unnest(_duration_bounds()) b) || '+Inf'::text;
begin
  return query
  select 'opsloop_queue_ready', '', array['executor', l.executor], sum(q.n)
    from (select o.* from ops_lanes o where o.queue = 'steps' order by o.lane limit 100) l
   cross join lateral (select _lane_mark(l.mark, l.mark_table, l.mark_server_start, 'ops_ready'::regclass) as mark) m
   cross join lateral (select count(*) as n
                         from (select from ops_ready r where r.lane = l.lane and r.seq > m.mark limit 10000) f) q
   group by l.executor
  union all
  (select 'opsloop_cap_used', '', array['cap', c.scope], c.used::numeric
     from ops_cap_counters c
    where c.window_start = date_trunc(split_part(c.scope, ':', 1), _now(), 'UTC')
      and c.window_start >= date_trunc('day', _now(), 'UTC')
    order by c.used desc, c.scope
    limit 50)
  union all
  select 'opsloop_steps_total', '', array['kind', a.kind, 'executor', a.executor, 'outcome', a.outcome], a.n
    from ops_attempt_counts a;

  return query
  with bucket as (
    select a.executor, b.ord, sum(sum(b.n)) over (partition by a.executor order by b.ord) as upto
      from ops_attempt_counts a
     cross join lateral unnest(a.buckets) with ordinality b (n, ord)
     where a.outcome in ('succeeded', 'failed')
     group by a.executor, b.ord
  )
  select 'opsloop_step_duration_seconds', x.suffix, x.labels, x.value
    from (select b.executor, b.ord, '_bucket' as suffix, array['executor', b.executor, 'le', c_bounds[b.ord]] as labels,
                 b.upto as value
            from bucket b
          union all
          select a.executor, 1000, '_sum', array['executor', a.executor], sum(a.seconds)
            from ops_attempt_counts a where a.outcome in ('succeeded', 'failed') group by a.executor
          union all
          select b.executor, 1001, '_count', array['executor', b.executor], max(b.upto)
            from bucket b group by b.executor) x
   order by x.executor, x.ord;
end;
$$;
