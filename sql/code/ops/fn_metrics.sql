create or replace function fn_metrics()
returns table (name text, kind text, value numeric, help text, alert_above numeric, alert_per text)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The metrics without labels. Counters only rise, survive restarts, and are exact: each counts what was committed.
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
  select d.name, d.kind, coalesce(case d.kind when 'counter' then c.n else h.at end, 0), d.help, d.warn,
         case d.kind when 'counter' then d.per end
    from _measures() d
    left join counted c on c.name = d.name
    left join _health() h on h.name = d.name
   where d.labels is null
   order by d.name;
end;
$$;
comment on function fn_metrics() is
  'The metrics for a monitor, a row for each metric without labels: kind counter (only rises, survives restarts, '
  'counts exactly what was committed) or gauge, its value, and alert_above, from where a person should look: a rise '
  'per alert_per for a counter, the value itself for a gauge. fn_exposition gives all of them.';
