create or replace function _health_missions()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: how many missions of the last day have not succeeded.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_day constant timestamptz := _now() - interval '24 hours';
  v_failed numeric;
  v_ended bigint;
begin
  select 100.0 - 100.0 * count(*) filter (where m.status = 'succeeded') / nullif(count(*), 0), count(*)
    into v_failed, v_ended
    from (select n.status, n.completed_at from ops_missions n order by n.id desc limit 10000) m
   where m.completed_at > v_day;
  return query
  select 'opsloop_missions_failed_percent', case when v_ended >= 10 then v_failed end,
         case when v_ended > 0 then format('%s %% of %s', round(v_failed, 1), v_ended) else 'none has ended' end;
end;
$$;
