create or replace function _schedules_failing()
returns table (failures integer, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health: the schedules whose last ticks were refused or rejected, or that are due for more than 15
-- minutes, or silent until a time that was taken before the clock was set back. failures: in a row, of the worst; the
-- others count as one.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now constant timestamptz := _now();
begin
  return query
  select max(f.failures), string_agg(format('%s (%s)', f.name, f.why), ', ' order by f.failures desc, f.name)
    from (select s.name, greatest(s.failures, 1) as failures,
                 case when s.failures > 0 then format('%s in a row: %s', s.failures, s.last_reason)
                      when s.seen_until > v_now + interval '1 minute'
                        then format('silent until %s: the clock was set back', s.seen_until)
                      else format('due since %s', s.next_at) end as why
            from ops_schedules s
           where s.enabled
             and (s.failures > 0 or s.seen_until > v_now + interval '1 minute'
                  or (s.next_at < v_now - interval '15 minutes'
                      and not exists (select from ops_pauses p where p.scope = 'schedule' and p.target = s.name)))
           order by s.failures desc, s.name
           limit 5) f;
end;
$$;
