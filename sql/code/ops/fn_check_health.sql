create or replace function fn_check_health()
returns table (name text, status text, value text, threshold text, hint text)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Whether the loop is well: one row for each check, ok, warn or fail, with what was found, where warning and failure
-- begin, and what to do. Every threshold of _measures() is a check; it is compared with the value of fn_metrics.
-- Cheap, like fn_health(): the past is looked up among the newest rows.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with found as materialized (
    select d.check_name, d.terms, d.warn, d.fail, d.hint, d.no, d.kind, d.per, h.found,
           case d.kind when 'counter' then _rise(d.name, d.per) else h.at end as at
      from _measures() with ordinality d (name, kind, unit, labels, source, help, check_name, terms, warn, fail, per,
                                          hint, origin, no)
      left join _health() h on h.name = d.name
     where d.check_name is not null
  )
  select f.check_name,
         case when f.at >= f.fail then 'fail' when f.at >= f.warn then 'warn' else 'ok' end,
         case when f.kind = 'gauge' then f.found
              else concat_ws(': ', case f.per when 'minute' then round(f.at, 1) else f.at end, f.found) end,
         f.terms,
         case when f.at >= least(f.warn, f.fail) then f.hint end
    from found f
   order by f.no;
end;
$$;
comment on function fn_check_health() is
  'Whether the loop is well: a row per check (heartbeat, workers, queues, failures, dead letters, what waits '
  'for a person, pauses, the oldest snapshot) with ok, warn or fail, what was found, the thresholds (those of the '
  'operations runbook where it has one), and what to do. Cheap: made for every minute.';
