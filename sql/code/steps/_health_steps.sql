create or replace function _health_steps(p_state jsonb)
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: workers, executors, leases, and what waits or is stuck. p_state is the row of
-- _present_state().
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_ready timestamptz := (p_state ->> 'oldest_ready_at')::timestamptz;
  v_live bigint := (p_state ->> 'live_workers')::bigint;
  v_running numeric := (p_state ->> 'running_steps')::numeric;
  v_seen timestamptz;
  v_refused text;
  v_missing record;
  v_leases record;
  v_held bigint;
  v_slow record;
  v_strays record;
begin
  select max(w.last_seen_at) into v_seen from ops_workers w;
  select string_agg(distinct w.settings -> 'claim_refused' ->> 'code', ', ') into v_refused
    from ops_workers_seen l
    join ops_workers w on w.worker_id = l.worker_id
   where l.live_until > v_now and w.settings ? 'claim_refused';
  select string_agg(format('%s (%s steps)', x.executor, x.waiting), ', ' order by x.executor) as executors,
         min(x.oldest) as oldest
    into v_missing from fn_missing_executors() x;
  select * into v_leases from _leases_over();
  select count(*) into v_held
    from (select p.code from ops_parked_steps p where p.waits_for = 'person' order by p.since limit 10000) h
   where h.code = 'OPS_010';
  select r.executor, avg(extract(epoch from _time_between(r.started_at, r.completed_at))) as mean into v_slow
    from (select n.executor, n.status, n.started_at, n.completed_at
            from ops_action_runs n order by n.step_id desc, n.id desc limit 1000) r
   where r.status in ('succeeded', 'failed') and r.started_at is not null
     and r.completed_at > v_now - interval '24 hours'
   group by r.executor
   order by 2 desc, r.executor
   limit 1;
  select sum(s.n) as n, string_agg(format('%s × %s, such as: %s', s.n, s.kind, s.remedy), ' ' order by s.kind) as found
    into v_strays
    from (select t.kind, count(*) as n, min(t.remedy) as remedy from ops_strays t group by t.kind) s;
  return query
  values
    ('opsloop_workers_level',
     case when v_refused is not null then 2
          when v_live > 0 or v_seen > v_now - interval '10 minutes' then 0
          when (p_state ->> 'queued_steps')::bigint > 0 then 2 else 1 end::numeric,
     format('%s live%s, %s%s', v_live, ' (' || nullif(p_state ->> 'asleep_workers', '0') || ' asleep)',
            coalesce('the last one seen ' || date_trunc('second', _time_between(v_seen, v_now))::text || ' ago',
                     'none was ever seen'),
            '; claims are refused: ' || v_refused)),
    ('opsloop_missing_executors_level',
     case when v_missing.executors is null then 0
          when v_missing.oldest < v_now - interval '30 minutes' then 2 else 1 end,
     coalesce(v_missing.executors, 'none')),
    ('opsloop_queue_oldest_seconds', extract(epoch from _time_between(v_ready, v_now)),
     coalesce(date_trunc('second', _time_between(v_ready, v_now))::text || ' ago', 'nothing is ready')),
    ('opsloop_leases_overdue_seconds', extract(epoch from _time_between(v_leases.oldest, v_now)),
     coalesce(v_leases.said, 'none')),
    ('opsloop_steps_held', v_held, v_held::text),
    ('opsloop_step_mean_seconds', v_slow.mean,
     coalesce(format('%s s of executor %s', round(v_slow.mean, 3), v_slow.executor), 'none')),
    ('opsloop_queued_steps', (p_state ->> 'queued_steps')::numeric, p_state ->> 'queued_steps'),
    ('opsloop_strays', v_strays.n, coalesce(v_strays.found, 'none')),
    ('opsloop_running_steps', v_running, null),
    ('ops_worker_claims', v_running + _counted('opsloop_attempts_total', interval '10 minutes'), null),
    ('opsloop_workers_live', v_live, null),
    ('opsloop_workers_asleep', (p_state ->> 'asleep_workers')::numeric, null);
end;
$$;
