create or replace function fn_metrics()
returns table (name text, kind text, value numeric, help text, alert_above numeric, alert_per text)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The metrics for a monitor. Counters only rise, survive restarts, and are exact: each counts what was committed.
-- Gauges are current values. alert_above is when a person should look: a rise per alert_per for a counter, the value
-- itself for a gauge; null where no number is alarming.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with counted as (
    select c.name, sum(c.n) as n
      from (select t.name, t.value as n from ops_counters t union all select i.name, i.n from ops_counts i) c
     group by c.name
  )
  select d.name, d.kind,
         case d.name
           when 'm10_outbox_pending_gauge' then (select count(*) from outbox o where o.processed_at is null)
           when 'steps_held_gauge' then (select count(*) from ops_parked_steps p
                                          where p.waits_for = 'person' and p.code = 'OPS_010')
           when 'leases_over_gauge' then (select coalesce(extract(epoch from _now() - l.oldest), 0)
                                           from _leases_over() l)
           when 'outbox_oldest_gauge' then (select coalesce(extract(epoch from _now() - o.oldest), 0)
                                              from _outbox_front() o)
           when 'outbox_undeliverable_gauge' then (select o.undeliverable from _outbox_front() o)
           when 'locks_over_gauge' then (select coalesce(extract(epoch from _now() - l.oldest), 0)
                                          from _locks_over() l)
           when 'waits_over_gauge' then (select w.at from _health_waits() w)
           else coalesce(c.n, 0)
         end,
         d.help, d.warn, d.per
    from _measures() d
    left join counted c on c.name = d.name
   where d.kind in ('counter', 'gauge')
   order by d.name;
end;
$$;
comment on function fn_metrics() is
  'What a monitor reads, a row for each metric: kind counter (only rises, survives restarts, counts exactly what was '
  'committed) or gauge, its value, and alert_above, from where a person should look: a rise per alert_per for a '
  'counter, the value itself for a gauge.';
