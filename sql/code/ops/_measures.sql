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
    ('steps_lost_total', 'counter', 'steps',
     'Steps whose lease ran out, so that they were taken back from their worker.', 5, null, 'hour', null, 'opsloop'),
    ('steps_fenced_total', 'counter', 'reports',
     'Reports that came after the lease was lost and changed nothing.', 5, null, 'hour', null, 'opsloop'),
    ('steps_held_gauge', 'gauge', 'steps',
     'Steps whose outcome is unknown and that wait for a person.', 1, null, null, null, 'opsloop'),
    ('leases_over_gauge', 'gauge', 's',
     'For how long the oldest lease has been over without being taken back; 0 when none is.', 60, null, null, null,
     'opsloop'),
    ('results_dropped_total', 'counter', 'results',
     'Finished results of workers and relays that the database never took.', 1, null, 'hour', null, 'opsloop'),
    ('reconnects_total', 'counter', 'connections',
     'Connections of workers and relays that were lost and opened anew.', 50, null, 'hour', null, 'opsloop'),
    ('claims_refused_total', 'counter', 'claims',
     'Claims of workers and relays that the database refused.', 10, null, 'hour', null, 'opsloop'),
    ('heartbeat_phases_failed_total', 'counter', 'phases',
     'Phases of heartbeats that failed and were rolled back alone.', 5, null, 'hour', null, 'opsloop'),
    ('outbox_oldest_gauge', 'gauge', 's',
     'Age of the oldest message that waits in front of the outbox; 0 when none does.', 300, null, null, null,
     'opsloop'),
    ('outbox_undeliverable_gauge', 'gauge', 'messages',
     'Messages in front of the outbox that no relay may deliver: no route, or one that cannot be used.', 1, null, null,
     null, 'opsloop'),
    ('locks_over_gauge', 'gauge', 's',
     'For how long the oldest lock has been over without being free; 0 when none is.', 60, null, null, null,
     'opsloop'),

    ('heartbeat', 'check', 's',
     'last success: warn after 15 min, fail after 25 min (3 and 5 missed)', 900, 1500, null,
     'No heartbeat runs: start a worker, or run opsloop heartbeat by cron.', 'operations runbook'),
    ('heartbeat failures', 'check', 'failures',
     'in a row: warn 3, fail 5', 3, 5, null,
     'select data from ops_agent_events where type = ''heartbeat:failure'' order by created_at desc limit 5; '
     'has the errors.', 'operations runbook'),
    ('heartbeat phases', 'check', 'phases',
     'failed in the last hour: warn 5, fail 60', 5, 60, 'hour',
     'select data -> ''errors'' from ops_agent_events where type = ''heartbeat:failure'' order by created_at desc '
     'limit 20; has each with its code.', 'opsloop'),
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
    ('leases over', 'check', 's',
     'and not taken back: warn after 1 min, fail after 5 min', 60, 300, null,
     'End the transaction that holds its rows, by the statement given with it; the next heartbeat takes it back.',
     'opsloop'),
    ('steps lost', 'check', 'steps',
     'whose lease ran out in the last hour: warn 5, fail 50', 5, 50, 'hour',
     'select worker_id, count(*), max(completed_at) from ops_action_runs where status = ''lost'' '
     'and completed_at > now() - interval ''1 hour'' group by 1; and look at the logs of these workers.', 'opsloop'),
    ('steps fenced', 'check', 'reports',
     'that came after the lease was lost, in the last hour: warn 5', 5, null, 'hour',
     'select step_id, worker_id, meta from ops_action_runs where status = ''fenced'' '
     'and completed_at > now() - interval ''1 hour''; has what they said. A longer worker_policy.lease_minutes helps '
     'workers that are slow to reach the database.', 'opsloop'),
    ('steps held', 'check', 'steps',
     'whose outcome is unknown: warn 1', 1, null, null,
     'select step_id from ops_parked_steps where code = ''OPS_010''; then for each '
     'select fn_resolve_step(step_id, ''succeeded'' or ''failed'', actor, reason); or select fn_retry_step(step_id);',
     'opsloop'),
    ('results dropped', 'check', 'results',
     'in the last hour: warn 1, fail 10', 1, 10, 'hour',
     'select process_id, counts from ops_process_counts where counts ? ''dropped'' order by told_at desc; the log of '
     'each process names the steps, under: a finished result dropped.', 'opsloop'),
    ('claims refused', 'check', 'claims',
     'in the last hour: warn 10, fail 100', 10, 100, 'hour',
     'select process_id, counts from ops_process_counts where counts ? ''claims_refused'' order by told_at desc; '
     'ops_workers.settings has the code of the last one.', 'opsloop'),
    ('reconnects', 'check', 'connections',
     'in the last hour: warn 50', 50, null, 'hour',
     'select process_id, counts from ops_process_counts where counts ? ''reconnects'' order by told_at desc; '
     'docs/networks.md tells what ends connections.', 'opsloop'),
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
    ('transitions repeated', 'check', '%',
     'of the requests of the last day, 10 at least: warn 50 %', 50, null, 'day',
     'A program asks again for what is done: select sd_id, session_id, count(*) from sd_transition_audit '
     'where created_at > now() - interval ''1 day'' group by 1, 2 order by 3 desc limit 10; and give each new intent '
     'a request id of its own.', 'runbook of hardening'),
    ('handoff duration', 'check', 's',
     'mean of the last day: warn 60 s', 60, null, 'day',
     'select * from sd_phase_handoffs order by execution_time_ms desc limit 10; and look at their gates.',
     'runbook of hardening'),
    ('gate results mended', 'check', '%',
     'of one gate in the last day, 10 at least: warn 10 %', 10, null, 'day',
     'Let the gate return {"passed", "score", "maxScore", "issues", "warnings"}; sd_phase_handoffs.scores has what was '
     'mended.', 'runbook of hardening'),
    ('outbox age', 'check', 's',
     'the oldest message that waits: warn after 5 min, fail after 1 h', 300, 3600, null,
     'Start a relay: opsloop relay. Where one runs: select id, event_type, retry_count, last_error from outbox '
     'where processed_at is null order by id limit 10;', 'opsloop'),
    ('outbox routes', 'check', 'messages',
     'that no relay may deliver: warn 1', 1, null, null,
     'select fn_get_policy(''outbox''); and give their types a route, with fn_set_policy() or opsloop policy apply.',
     'opsloop'),
    ('locks over', 'check', 's',
     'and not free: warn after 1 min, fail after 10 min', 60, 600, null,
     'End the transaction that holds its row, by the statement given with it.', 'opsloop'),
    ('dead letters', 'check', 'letters',
     'in the last hour: warn 5, fail 20', 5, 20, 'hour',
     'select reason, payload from dead_letter_archive order by id desc limit 20;', 'operations runbook'),
    ('waiting for a person', 'check', 's',
     'the oldest: warn after 1 h, fail after 24 h', 3600, 86400, null,
     'opsloop inbox, or select * from fn_inbox();', 'opsloop'),
    ('waiting for a cap', 'check', 'proposals',
     'over proposal_caps, until the window ends: warn 1', 1, null, null,
     'select source, reason, count(*) from ops_mission_proposals where gate_after is not null and status = ''pending'' '
     'group by 1, 2; raise the cap in proposal_caps, or look at what proposes so much.', 'opsloop'),
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
    ('kept for ever', 'check', 'MB',
     'of what the policy document retention never removes: warn 10000 MB', 10000, null, null,
     'select fn_set_policy(''retention'', ''{"missions_days": 90, "events_days": 90, "outbox_days": 30}''); '
     'docs/retention.md has what goes when.', 'opsloop'),
    ('retention', 'check', 'troubles',
     'what could not be purged, and steps whose results were deleted: warn 1', 1, null, null,
     'select part, error_at, error from ops_retention where error is not null; select remedy from ops_strays; '
     'select step_id from ops_parked_steps where code = ''OPS_082'';', 'opsloop'),
    ('oldest snapshot', 'check', 's',
     'keeps vacuum from removing dead rows: warn after 5 min, fail after 1 h', 300, 3600, null,
     'End that transaction: select pg_terminate_backend(pid); a prepared one: rollback prepared; '
     'a slot: pg_drop_replication_slot().', 'opsloop');
end;
$$;
