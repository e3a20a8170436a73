create or replace function _measures()
returns table (
  name text,
  kind text,
  unit text,
  help text,
  warn numeric,
  fail numeric,
  per text,
  hint text,
  origin text
)
language plpgsql
immutable
set search_path from current
as $$
-- The one table of all that is measured: counters and gauges (fn_metrics), and checks (fn_check_health) in the order in
-- which they are shown. warn and fail, in the unit: from there a person should look at the value or, for a counter, at
-- its rise in the time per; null where no number is alarming. A level is 1 or 2 by the rule in help. help of a check
-- ends with its thresholds in words; per is then the time that it looks back. origin: where the threshold comes from.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  values
    ('m10_locks_acquired_total', 'counter', 'locks',
     'Locks acquired; extending one does not count.', null::numeric, null::numeric, null::text, null::text,
     'runbook of migration 022'),
    ('m10_locks_failed_total', 'counter', 'attempts',
     'Attempts to acquire a lock that another holder had.', 10, null, 'minute', null, 'runbook of migration 022'),
    ('m10_replay_duplicates_total', 'counter', 'replays',
     'Replays asked for again after they had been done.', 5, null, 'minute', null, 'runbook of migration 022'),
    ('m10_outbox_pending_gauge', 'gauge', 'messages',
     'Messages in the outbox that wait for delivery.', 100, null, null, null, 'runbook of migration 022'),
    ('m10_outbox_retry_total', 'counter', 'deliveries',
     'Deliveries from the outbox that failed and are tried again.', 20, null, 'minute', null,
     'runbook of migration 022'),
    ('transitions_completed_total', 'counter', 'transitions',
     'Transitions of directives that were completed.', null, null, null, null, 'runbook of hardening'),
    ('transitions_failed_total', 'counter', 'transitions',
     'Transitions of directives that failed and were undone; refusals do not count.', 1, null, 'minute', null,
     'opsloop'),
    ('transition_idempotent_hits_total', 'counter', 'requests',
     'Requests for a transition that had been completed before.', 20, null, 'minute', null, 'opsloop'),
    ('gate_results_total', 'counter', 'results',
     'Results of gates that handoffs were judged by.', null, null, null, null, 'runbook of hardening'),
    ('gate_results_mended_total', 'counter', 'results',
     'Of these, results that had to be mended to be counted.', null, null, null, null, 'runbook of hardening'),

    ('heartbeat', 'check', 's',
     'last success: warn after 15 min, fail after 25 min (3 and 5 missed)', 900, 1500, null,
     'No heartbeat runs: start a worker, or run opsloop heartbeat by cron.', 'operations runbook'),
    ('heartbeat failures', 'check', 'failures',
     'in a row: warn 3, fail 5', 3, 5, null,
     'select data from ops_agent_events where type = ''heartbeat:failure'' order by created_at desc limit 5; '
     'has the errors.', 'operations runbook'),
    ('workers', 'check', 'level',
     'none seen for 10 min: warn; fail when steps are queued, or when claims are refused', 1, 2, null,
     'Start one: opsloop worker. Where claims are refused, its log and ops_workers.settings have the code.',
     'operations runbook'),
    ('missing executors', 'check', 'level',
     'steps that no live worker offers to run (OPS_005): warn; fail after 30 min', 1, 2, null,
     'select * from fn_missing_executors(); and start a worker that offers them: opsloop worker --executors NAME.',
     'opsloop'),
    ('oldest ready step', 'check', 's',
     'ready and not claimed: warn after 10 min, fail after 30 min', 600, 1800, null,
     'select * from ops_queue; shows where it waits, fn_explain_step() why.', 'operations runbook'),
    ('queued events', 'check', 'events',
     'warn 100, fail 1000', 100, 1000, null,
     'Heartbeats do not keep up: more of them, or larger batches (OPS_EVENT_BATCH_SIZE).', 'operations runbook'),
    ('queued steps', 'check', 'steps',
     'warn 50, fail 500', 50, 500, null,
     'Start more workers; select * from ops_queue; shows by executor.', 'operations runbook'),
    ('proposal latency', 'check', 's',
     'from event to proposal, p95 of the last day: warn 300 s, fail 600 s', 300, 600, 'day',
     'Heartbeats come too seldom, or do not keep up.', 'operations runbook'),
    ('proposals', 'check', 'proposals',
     'in the last hour: warn 100', 100, null, 'hour',
     'A program may be proposing without end: select source, count(*) from ops_mission_proposals group by 1; '
     'proposal_caps limits it.', 'operations runbook'),
    ('missions failed', 'check', '%',
     'of those that ended in the last day, 10 at least: warn 5 %, fail 20 %', 5, 20, 'day',
     'select * from fn_list_missions(20, ''failed''); and fn_explain_mission() for each.', 'operations runbook'),
    ('transitions failed', 'check', '%',
     'of those of the last day, 10 at least: warn 5 %', 5, null, 'day',
     'select sd_id, transition_type, error_message from sd_transition_audit where status = ''failed'' '
     'order by created_at desc limit 10;', 'runbook of hardening'),
    ('handoff duration', 'check', 's',
     'mean of the last day: warn 60 s', 60, null, 'day',
     'select * from sd_phase_handoffs order by execution_time_ms desc limit 10; and look at their gates.',
     'runbook of hardening'),
    ('gate results mended', 'check', '%',
     'of one gate in the last day, 10 at least: warn 10 %', 10, null, 'day',
     'Let the gate return {"passed", "score", "maxScore", "issues", "warnings"}; sd_phase_handoffs.scores has what was '
     'mended.', 'runbook of hardening'),
    ('dead letters', 'check', 'letters',
     'in the last hour: warn 5, fail 20', 5, 20, 'hour',
     'select reason, payload from dead_letter_archive order by id desc limit 20;', 'operations runbook'),
    ('waiting for a person', 'check', 's',
     'the oldest: warn after 1 h, fail after 24 h', 3600, 86400, null,
     'opsloop inbox, or select * from fn_inbox();', 'opsloop'),
    ('glass reviews', 'check', 'level',
     'decisions that one login took alone, open for review: warn; fail when one is overdue', 1, 2, null,
     'select * from fn_list_break_glass(); and two others sign it off: fn_review_break_glass().', 'opsloop'),
    ('strays', 'check', 'rows',
     'missions without steps, steps without a mission, missions that nothing moves, rows that cannot be changed: '
     'warn 1', 1, null, null,
     'select kind, id, remedy from ops_strays; has for each the statement that ends it.', 'opsloop'),
    ('pauses', 'check', 'pauses',
     'anything paused: warn', 1, null, null,
     'select * from fn_list_pauses(); and fn_resume() what may go on.', 'opsloop'),
    ('oldest snapshot', 'check', 's',
     'keeps vacuum from removing dead rows: warn after 5 min, fail after 1 h', 300, 3600, null,
     'End that transaction: select pg_terminate_backend(pid); a prepared one: rollback prepared; '
     'a slot: pg_drop_replication_slot().', 'opsloop');
end;
$$;
