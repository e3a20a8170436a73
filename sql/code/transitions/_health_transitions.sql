create or replace function _health_transitions()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: transitions of directives, handoffs and their gates in the last day.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_day constant timestamptz := _now() - interval '24 hours';
  v_moved record;
  v_repeated record;
  v_handed record;
  v_mended record;
begin
  select 100.0 * count(*) filter (where a.status = 'failed') / nullif(count(*), 0) as failed, count(*) as n
    into v_moved
    from (select t.status, t.created_at from sd_transition_audit t order by t.created_at desc limit 10000) a
   where a.created_at > v_day;
  select 100 * r.hits / nullif(r.hits + r.done, 0) as share, r.hits + r.done as n into v_repeated
    from (select _counted('opsloop_transition_idempotent_hits_total', interval '24 hours') as hits,
                 _counted('opsloop_transitions_completed_total', interval '24 hours') as done) r;
  select avg(h.execution_time_ms) / 1000 as mean, count(*) as n into v_handed
    from (select t.execution_time_ms, t.created_at from sd_phase_handoffs t order by t.created_at desc limit 1000) h
   where h.created_at > v_day;
  -- The gate with the largest share of mended results.
  select g.key as gate,
         100.0 * count(*) filter (where g.value #>> '{_validation,fixed}' <> '0') / count(*) as share
    into v_mended
    from (select t.scores, t.created_at from sd_phase_handoffs t order by t.created_at desc limit 1000) h
   cross join lateral jsonb_each(h.scores -> 'gates') g
   where h.created_at > v_day
   group by g.key
  having count(*) >= 10
   order by share desc, g.key
   limit 1;
  return query
  values
    ('opsloop_transitions_failed_percent', case when v_moved.n >= 10 then v_moved.failed end,
     case when v_moved.n > 0 then format('%s %% of %s', round(v_moved.failed, 1), v_moved.n) else 'none' end),
    ('opsloop_transitions_repeated_percent', case when v_repeated.n >= 10 then v_repeated.share end,
     case when v_repeated.n > 0 then format('%s %% of %s', round(v_repeated.share, 1), v_repeated.n)
          else 'none' end),
    ('opsloop_handoff_mean_seconds', v_handed.mean,
     case when v_handed.n > 0 then format('%s s, of %s', round(v_handed.mean, 3), v_handed.n) else 'none' end),
    ('opsloop_gate_results_mended_percent', v_mended.share,
     case when v_mended.share is not null
          then format('%s %% of gate %s', round(v_mended.share, 1), v_mended.gate) else 'none' end);
end;
$$;
