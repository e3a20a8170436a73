create or replace function fn_check_health()
returns table (name text, status text, value text, threshold text, hint text)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Whether the loop is well: one row per check, ok, warn or fail, with what was found, where warning and failure begin,
-- and what to do. Thresholds are those of the operations runbook where it has one (alerting thresholds); a heartbeat is
-- missed after its five minutes. Cheap, as fn_health(): what happened is looked for among the newest rows.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_health record;
  v_failures integer;
  v_seen timestamptz;
  v_missing record;
  v_latency double precision;
  v_success numeric;
  v_ended bigint;
  v_dead bigint;
  v_pending timestamptz;
  v_pauses text;
begin
  select * into v_health from fn_health();
  -- Failures since the last success, among the last five.
  select count(*) filter (where f.failures_only) into v_failures
    from (select bool_and(e.type = 'heartbeat:failure') over (order by e.created_at desc) as failures_only
            from (select h.type, h.created_at from ops_agent_events h
                   where h.type in ('heartbeat:success', 'heartbeat:failure')
                   order by h.created_at desc limit 5) e) f;
  select max(w.last_seen_at) into v_seen from ops_workers w;
  select string_agg(format('%s (%s steps)', x.executor, x.waiting), ', ' order by x.executor) as executors,
         min(x.oldest) as oldest
    into v_missing from fn_missing_executors() x;
  select percentile_cont(0.95) within group (order by extract(epoch from p.created_at - e.created_at)) into v_latency
    from (select n.event_id, n.created_at from ops_mission_proposals n order by n.id desc limit 1000) p
    join ops_agent_events e on e.id = p.event_id
   where p.created_at > v_now - interval '24 hours';
  select 100.0 * count(*) filter (where m.status = 'succeeded') / nullif(count(*), 0), count(*) into v_success, v_ended
    from (select n.status, n.completed_at from ops_missions n order by n.id desc limit 10000) m
   where m.completed_at > v_now - interval '24 hours';
  select count(*) into v_dead
    from (select d.dead_lettered_at from dead_letter_archive d order by d.id desc limit 1000) d
   where d.dead_lettered_at > v_now - interval '1 hour';
  select min(o.at) into v_pending
    from ((select p.created_at as at from ops_mission_proposals p where p.status in ('pending', 'voting') order by p.created_at limit 1)
          union all
          (select w.since from ops_parked_steps w where w.waits_for = 'person' order by w.since limit 1)) o;
  select string_agg(format('%s%s by %s', p.scope, nullif(' ' || p.target, ' '), p.paused_by), ', ' order by p.paused_at)
    into v_pauses from (select * from ops_pauses o order by o.paused_at limit 10) p;

  return query
  select c.name,
         case when c.at >= c.fail then 'fail' when c.at >= c.warn then 'warn' else 'ok' end,
         c.found, c.threshold,
         case when c.at >= least(c.warn, c.fail) then c.hint end
    from (values
      ('heartbeat', extract(epoch from v_now - v_health.last_heartbeat_at), 900, 1500,
       coalesce(date_trunc('second', v_now - v_health.last_heartbeat_at) || ' ago', 'none yet'),
       'last success: warn after 15 min, fail after 25 min (3 and 5 missed)',
       'Nobody turns the loop: start a worker, or run opsloop heartbeat by cron.'),
      ('heartbeat failures', v_failures, 3, 5, v_failures::text, 'in a row: warn 3, fail 5',
       'select data from ops_agent_events where type = ''heartbeat:failure'' order by created_at desc limit 5; has the errors.'),
      ('workers',
       case when v_health.live_workers > 0 or v_seen > v_now - interval '10 minutes' then 0
            when v_health.queued_steps > 0 then 2 else 1 end, 1, 2,
       format('%s live%s', v_health.live_workers,
              coalesce(', the last one seen ' || date_trunc('second', v_now - v_seen) || ' ago', ', none was ever seen')),
       'none seen for 10 min: warn; fail when steps are queued', 'Start one: opsloop worker.'),
      ('missing executors',
       case when v_missing.executors is null then 0 when v_missing.oldest < v_now - interval '30 minutes' then 2 else 1 end, 1, 2,
       coalesce(v_missing.executors, 'none'), 'steps that no live worker offers to run (OPS_005): warn; fail after 30 min',
       'select * from fn_missing_executors(); and start a worker that offers them: opsloop worker --executors NAME.'),
      ('oldest ready step', extract(epoch from v_now - v_health.oldest_ready_at), 600, 1800,
       coalesce(date_trunc('second', v_now - v_health.oldest_ready_at) || ' ago', 'nothing is ready'),
       'ready and not claimed: warn after 10 min, fail after 30 min',
       'select * from ops_queue; shows where it waits, fn_explain_step() why.'),
      ('queued events', v_health.unprocessed_events, 100, 1000, v_health.unprocessed_events::text, 'warn 100, fail 1000',
       'Heartbeats do not keep up: more of them, or larger batches (OPS_EVENT_BATCH_SIZE).'),
      ('queued steps', v_health.queued_steps, 50, 500, v_health.queued_steps::text, 'warn 50, fail 500',
       'Start more workers; select * from ops_queue; shows by executor.'),
      ('proposal latency', v_latency, 300, 600, coalesce(round(v_latency) || ' s', 'none'),
       'from event to proposal, p95 of the last day: warn 300 s, fail 600 s', 'Heartbeats come too seldom, or do not keep up.'),
      ('proposals', v_health.recent_proposals, 100, null, v_health.recent_proposals::text, 'in the last hour: warn 100',
       'Somebody may be proposing without end: select source, count(*) from ops_mission_proposals group by 1; proposal_caps limits it.'),
      ('missions failed', case when v_ended >= 10 then 100 - v_success end, 5, 20,
       case when v_ended > 0 then format('%s %% of %s', round(100 - v_success, 1), v_ended) else 'none has ended' end,
       'of those that ended in the last day, 10 at least: warn 5 %, fail 20 %',
       'select * from fn_list_missions(20, ''failed''); and fn_explain_mission() for each.'),
      ('dead letters', v_dead, 5, 20, v_dead::text, 'in the last hour: warn 5, fail 20',
       'select reason, payload from dead_letter_archive order by id desc limit 20;'),
      ('waiting for a person', extract(epoch from v_now - v_pending), 3600, 86400,
       format('%s proposals, %s steps%s', v_health.waiting_proposals, v_health.waiting_steps,
              ', the oldest ' || date_trunc('second', v_now - v_pending)),
       'the oldest: warn after 1 h, fail after 24 h', 'opsloop inbox, or select * from fn_inbox();'),
      ('pauses', v_health.paused_scopes, 1, null,
       case when v_health.killed then 'the kill switch is on: ' else '' end || coalesce(v_pauses, 'nothing is paused'),
       'anything paused: warn', 'select * from fn_list_pauses(); and fn_resume() what may go on.'),
      ('oldest snapshot', extract(epoch from v_now - v_health.xmin_held_since), 300, 3600,
       coalesce(v_health.xmin_holder || coalesce(', for ' || date_trunc('second', v_now - v_health.xmin_held_since), ''), 'nobody holds one'),
       'keeps vacuum from removing dead rows: warn after 5 min, fail after 1 h',
       'End that transaction: select pg_terminate_backend(pid); a prepared one: rollback prepared; a slot: pg_drop_replication_slot().')
    ) c (name, at, warn, fail, found, threshold, hint);
end;
$$;
comment on function fn_check_health() is
  'Whether the loop is well: a row per check (heartbeat, workers, queues, failures, dead letters, who waits for a '
  'person, pauses, the oldest snapshot) with ok, warn or fail, what was found, the thresholds (those of the '
  'operations runbook where it has one), and what to do. Cheap: made for every minute.';
