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
-- begin, and what to do. Checks and thresholds are those of _measures(). Cheap, like fn_health(): the past is looked up
-- among the newest rows.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_health record;
  v_failures integer;
  v_seen timestamptz;
  v_refused text;
  v_missing record;
  v_latency double precision;
  v_success numeric;
  v_ended bigint;
  v_dead bigint;
  v_moved record;
  v_handed record;
  v_mended record;
  v_pending timestamptz;
  v_capped record;
  v_pauses text;
  v_strays record;
  v_asleep boolean;
  v_hour constant interval := interval '1 hour';
  v_phases record;
  v_leases record;
  v_held bigint;
  v_counted jsonb;
  v_repeated record;
  v_outbox record;
  v_locks record;
  v_waits record;
  v_glass record;
  v_schedules record;
  v_retention record := _retention_state();
begin
  select count(*) filter (where l.is_open) as open, count(*) filter (where l.is_overdue) as overdue into v_glass
    from fn_list_break_glass(1000) l;
  select * into v_health from fn_health();
  v_asleep := v_health.asleep_workers > 0 and v_health.asleep_workers = v_health.live_workers
              and coalesce(_seconds_until_due() > 0, true);
  -- Failures since the last success, among the last five.
  select count(*) filter (where f.failures_only) into v_failures
    from (select bool_and(e.type = 'heartbeat:failure') over (order by e.created_at desc) as failures_only
            from (select h.type, h.created_at from ops_agent_events h
                   where h.type in ('heartbeat:success', 'heartbeat:failure')
                   order by h.created_at desc limit 5) e) f;
  select max(w.last_seen_at) into v_seen from ops_workers w;
  select string_agg(distinct w.settings -> 'claim_refused' ->> 'code', ', ') into v_refused
    from ops_workers_seen l
    join ops_workers w on w.worker_id = l.worker_id
   where l.live_until > v_now and w.settings ? 'claim_refused';
  select string_agg(format('%s (%s steps)', x.executor, x.waiting), ', ' order by x.executor) as executors,
         min(x.oldest) as oldest
    into v_missing from fn_missing_executors() x;
  select percentile_cont(0.95) within group (order by extract(epoch from _time_between(e.created_at, p.created_at)))
    into v_latency
    from (select n.event_id, n.created_at from ops_mission_proposals n order by n.id desc limit 1000) p
    join ops_agent_events e on e.id = p.event_id
   where p.created_at > v_now - interval '24 hours';
  select 100.0 * count(*) filter (where m.status = 'succeeded') / nullif(count(*), 0), count(*) into v_success, v_ended
    from (select n.status, n.completed_at from ops_missions n order by n.id desc limit 10000) m
   where m.completed_at > v_now - interval '24 hours';
  select 100.0 * count(*) filter (where a.status = 'failed') / nullif(count(*), 0) as failed, count(*) as n
    into v_moved
    from (select t.status, t.created_at from sd_transition_audit t order by t.created_at desc limit 10000) a
   where a.created_at > v_now - interval '24 hours';
  select avg(h.execution_time_ms) / 1000 as mean, count(*) as n into v_handed
    from (select t.execution_time_ms, t.created_at from sd_phase_handoffs t order by t.created_at desc limit 1000) h
   where h.created_at > v_now - interval '24 hours';
  -- The gate with the largest share of mended results.
  select g.key as gate,
         100.0 * count(*) filter (where g.value #>> '{_validation,fixed}' <> '0') / count(*) as share
    into v_mended
    from (select t.scores, t.created_at from sd_phase_handoffs t order by t.created_at desc limit 1000) h
   cross join lateral jsonb_each(h.scores -> 'gates') g
   where h.created_at > v_now - interval '24 hours'
   group by g.key
  having count(*) >= 10
   order by share desc, g.key
   limit 1;
  select count(*) into v_dead
    from (select d.dead_lettered_at from dead_letter_archive d order by d.id desc limit 1000) d
   where d.dead_lettered_at > v_now - interval '1 hour';
  select count(*) as n, min(c.gate_after) as until into v_capped
    from (select p.gate_after from ops_mission_proposals p
           where p.status in ('pending', 'voting') and p.counted_at is null and p.gate_after is not null
           limit 10000) c;
  select min(o.at) into v_pending
    from ((select p.created_at as at from ops_mission_proposals p
            where p.status in ('pending', 'voting') and p.gate_after is null order by p.created_at limit 1)
          union all
          (select w.since from ops_parked_steps w where w.waits_for = 'person' order by w.since limit 1)) o;
  select string_agg(format('%s%s by %s', p.scope, nullif(' ' || p.target, ' '), p.paused_by), ', ' order by p.paused_at)
    into v_pauses from (select * from ops_pauses o order by o.paused_at limit 10) p;
  select sum(s.n) as n, string_agg(format('%s × %s, such as: %s', s.n, s.kind, s.remedy), ' ' order by s.kind) as found
    into v_strays
    from (select t.kind, count(*) as n, min(t.remedy) as remedy from ops_strays t group by t.kind) s;
  select _counted('heartbeat_phases_failed_total', v_hour) as n,
         (select string_agg(distinct format('%s: %s', x ->> 'phase', x ->> 'code'), ', ')
            from (select e.data -> 'errors' as errors from ops_agent_events e
                   where e.type in ('heartbeat:success', 'heartbeat:failure') and e.type = 'heartbeat:failure'
                     and e.created_at > v_now - v_hour
                   order by e.created_at desc limit 20) f
           cross join lateral jsonb_array_elements(nullif(f.errors, 'null')) x) as found
    into v_phases;
  select * into v_leases from _leases_over();
  select count(*) into v_held
    from (select p.code from ops_parked_steps p where p.waits_for = 'person' order by p.since limit 10000) h
   where h.code = 'OPS_010';
  select jsonb_object_agg(c.name, _counted(c.name, v_hour)) into v_counted
    from unnest(array['steps_lost_total', 'steps_fenced_total', 'results_dropped_total', 'claims_refused_total',
                      'reconnects_total']) c (name);
  select 100 * r.hits / nullif(r.hits + r.done, 0) as share, r.hits + r.done as n into v_repeated
    from (select _counted('transition_idempotent_hits_total', interval '24 hours') as hits,
                 _counted('transitions_completed_total', interval '24 hours') as done) r;
  select * into v_outbox from _outbox_front();
  select * into v_locks from _locks_over();
  select * into v_waits from _health_waits();
  select * into v_schedules from _schedules_failing();

  return query
  select d.name,
         case when f.at >= d.fail then 'fail' when f.at >= d.warn then 'warn' else 'ok' end,
         f.found, d.help,
         case when f.at >= least(d.warn, d.fail) then d.hint end
    from _measures() with ordinality d (name, kind, unit, help, warn, fail, per, hint, origin, no)
    left join (values
      -- Where all workers are asleep, one wakes when something is due.
      ('heartbeat',
       case when not v_asleep then extract(epoch from _time_between(v_health.last_heartbeat_at, v_now)) end,
       coalesce(date_trunc('second', _time_between(v_health.last_heartbeat_at, v_now))::text || ' ago', 'none yet')
       || case when v_asleep then '; all workers are asleep, and nothing is due' else '' end),
      ('heartbeat failures', v_failures, v_failures::text),
      ('heartbeat phases', v_phases.n, concat_ws(': ', v_phases.n, v_phases.found)),
      ('workers',
       case when v_refused is not null then 2
            when v_health.live_workers > 0 or v_seen > v_now - interval '10 minutes' then 0
            when v_health.queued_steps > 0 then 2 else 1 end,
       format('%s live%s, %s%s', v_health.live_workers,
              ' (' || nullif(v_health.asleep_workers, 0)::text || ' asleep)',
              coalesce('the last one seen ' || date_trunc('second', _time_between(v_seen, v_now))::text || ' ago',
                       'none was ever seen'),
              '; claims are refused: ' || v_refused)),
      ('missing executors',
       case when v_missing.executors is null then 0
            when v_missing.oldest < v_now - interval '30 minutes' then 2 else 1 end,
       coalesce(v_missing.executors, 'none')),
      ('oldest ready step', extract(epoch from _time_between(v_health.oldest_ready_at, v_now)),
       coalesce(date_trunc('second', _time_between(v_health.oldest_ready_at, v_now))::text || ' ago',
                'nothing is ready')),
      ('leases over', extract(epoch from _time_between(v_leases.oldest, v_now)), coalesce(v_leases.said, 'none')),
      ('steps lost', (v_counted ->> 'steps_lost_total')::numeric, v_counted ->> 'steps_lost_total'),
      ('steps fenced', (v_counted ->> 'steps_fenced_total')::numeric, v_counted ->> 'steps_fenced_total'),
      ('steps held', v_held, v_held::text),
      ('results dropped', (v_counted ->> 'results_dropped_total')::numeric, v_counted ->> 'results_dropped_total'),
      ('claims refused', (v_counted ->> 'claims_refused_total')::numeric, v_counted ->> 'claims_refused_total'),
      ('reconnects', (v_counted ->> 'reconnects_total')::numeric, v_counted ->> 'reconnects_total'),
      ('queued events', v_health.unprocessed_events, v_health.unprocessed_events::text),
      ('queued steps', v_health.queued_steps, v_health.queued_steps::text),
      ('proposal latency', v_latency, coalesce(round(v_latency)::text || ' s', 'none')),
      ('proposals', v_health.recent_proposals, v_health.recent_proposals::text),
      ('missions failed', case when v_ended >= 10 then 100 - v_success end,
       case when v_ended > 0 then format('%s %% of %s', round(100 - v_success, 1), v_ended) else 'none has ended' end),
      ('transitions failed', case when v_moved.n >= 10 then v_moved.failed end,
       case when v_moved.n > 0 then format('%s %% of %s', round(v_moved.failed, 1), v_moved.n) else 'none' end),
      ('transitions repeated', case when v_repeated.n >= 10 then v_repeated.share end,
       case when v_repeated.n > 0 then format('%s %% of %s', round(v_repeated.share, 1), v_repeated.n)
            else 'none' end),
      ('handoff duration', v_handed.mean,
       case when v_handed.n > 0 then format('%s s, of %s', round(v_handed.mean, 3), v_handed.n) else 'none' end),
      ('gate results mended', v_mended.share,
       case when v_mended.share is not null
            then format('%s %% of gate %s', round(v_mended.share, 1), v_mended.gate) else 'none' end),
      ('outbox age', extract(epoch from _time_between(v_outbox.oldest, v_now)),
       coalesce(date_trunc('second', _time_between(v_outbox.oldest, v_now))::text || ', of ' || v_outbox.aggregate,
                'nothing waits')),
      ('outbox routes', v_outbox.undeliverable, coalesce(v_outbox.reasons, 'none')),
      ('locks over', extract(epoch from _time_between(v_locks.oldest, v_now)), coalesce(v_locks.said, 'none')),
      ('waits over', v_waits.at, v_waits.found),
      ('dead letters', v_dead, v_dead::text),
      ('waiting for a person', extract(epoch from _time_between(v_pending, v_now)),
       format('%s proposals, %s steps%s', v_health.waiting_proposals, v_health.waiting_steps,
              ', the oldest ' || date_trunc('second', _time_between(v_pending, v_now))::text)),
      ('waiting for a cap', v_capped.n,
       case v_capped.n when 0 then 'none' else format('%s proposals, until %s', v_capped.n, v_capped.until) end),
      ('glass reviews', case when v_glass.overdue > 0 then 2 when v_glass.open > 0 then 1 else 0 end,
       format('%s open, %s overdue', v_glass.open, v_glass.overdue)),
      ('schedules', v_schedules.failures, coalesce(v_schedules.found, 'none')),
      ('strays', v_strays.n, coalesce(v_strays.found, 'none')),
      ('pauses', v_health.paused_scopes,
       case when v_health.killed then 'the kill switch is on: ' else '' end || coalesce(v_pauses, 'nothing is paused')),
      ('kept for ever', v_retention.kept_bytes / 1048576, coalesce(v_retention.kept, 'nothing')),
      ('retention', v_retention.troubles, coalesce(nullif(v_retention.trouble, ''), 'nothing is left')),
      ('oldest snapshot', extract(epoch from _time_between(v_health.xmin_held_since, v_now)),
       concat(coalesce(v_health.xmin_holder, 'there is none'),
              ', for ' || date_trunc('second', _time_between(v_health.xmin_held_since, v_now))::text))
    ) f (name, at, found) on f.name = d.name
   where d.kind = 'check'
   order by d.no;
end;
$$;
comment on function fn_check_health() is
  'Whether the loop is well: a row per check (heartbeat, workers, queues, failures, dead letters, what waits '
  'for a person, pauses, the oldest snapshot) with ok, warn or fail, what was found, the thresholds (those of the '
  'operations runbook where it has one), and what to do. Cheap: made for every minute.';
