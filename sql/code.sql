-- Table of contents of the routines: every file in sql/code, grouped by area, in any order (bodies are checked by
-- the tests, not while loading). `make code-toc` rewrites the lines under the headings from the files there are.
-- Runs inside a transaction that sql/loader/begin.sql opened.
\ir loader/code_begin.sql

-- events: signals in, and the reactions they match (emit, match, react)
\ir code/events/_broken_events.sql
\ir code/events/_emit_events.sql
\ir code/events/_emit_loop_events.sql
\ir code/events/_event_faults.sql
\ir code/events/_fill_reaction.sql
\ir code/events/_like_pattern.sql
\ir code/events/_matches_any.sql
\ir code/events/_matching_patterns.sql
\ir code/events/_pass_cooldowns.sql
\ir code/events/_propose_reactions.sql
\ir code/events/_watched_types.sql
\ir code/events/fn_emit_event.sql
\ir code/events/fn_emit_events.sql
\ir code/events/fn_evaluate_triggers.sql
\ir code/events/fn_process_reactions.sql

-- proposals: intents and the gate they pass (gate, approve, vote)
\ir code/proposals/_assert_may_decide.sql
\ir code/proposals/_broken_proposals.sql
\ir code/proposals/_cap_met.sql
\ir code/proposals/_caps_in_force.sql
\ir code/proposals/_create_proposals.sql
\ir code/proposals/_digest.sql
\ir code/proposals/_gate_proposals.sql
\ir code/proposals/_gate_waiting.sql
\ir code/proposals/_judge_templates.sql
\ir code/proposals/_lock_proposal.sql
\ir code/proposals/_open_cap_counter.sql
\ir code/proposals/_release_caps.sql
\ir code/proposals/_reserve_caps.sql
\ir code/proposals/_risk_name.sql
\ir code/proposals/_tell_pending.sql
\ir code/proposals/_would_run.sql
\ir code/proposals/fn_approve_proposal.sql
\ir code/proposals/fn_cast_vote.sql
\ir code/proposals/fn_create_proposal.sql
\ir code/proposals/fn_create_proposals.sql
\ir code/proposals/fn_gate_proposal.sql
\ir code/proposals/fn_propose_for_step.sql
\ir code/proposals/fn_reject_proposal.sql

-- missions: approved work as graphs of steps (graph, finish, cancel)
\ir code/missions/_broken_missions.sql
\ir code/missions/_ensure_lanes.sql
\ir code/missions/_revive_missions.sql
\ir code/missions/_settle_missions.sql
\ir code/missions/_start_missions.sql
\ir code/missions/_step_slots.sql
\ir code/missions/fn_cancel_mission.sql
\ir code/missions/fn_resolve_step.sql
\ir code/missions/fn_retry_step.sql

-- steps: the work itself (claim, lease, complete, fail, recover)
\ir code/steps/_accept_results.sql
\ir code/steps/_adopt_steps.sql
\ir code/steps/_attempt_limits.sql
\ir code/steps/_backoff_seconds.sql
\ir code/steps/_broken_steps.sql
\ir code/steps/_check_reports.sql
\ir code/steps/_claim_verdicts.sql
\ir code/steps/_end_attempts.sql
\ir code/steps/_enqueue_steps.sql
\ir code/steps/_fail_for_good.sql
\ir code/steps/_give_back_steps.sql
\ir code/steps/_lease_seconds.sql
\ir code/steps/_lock_free_missions.sql
\ir code/steps/_lock_missions_of.sql
\ir code/steps/_note_waiting.sql
\ir code/steps/_on_lease_lost.sql
\ir code/steps/_open_lanes.sql
\ir code/steps/_pick_steps.sql
\ir code/steps/_publish_reports.sql
\ir code/steps/_rearm_timers.sql
\ir code/steps/_recover_steps.sql
\ir code/steps/_refuse_steps.sql
\ir code/steps/_step_event.sql
\ir code/steps/_step_results.sql
\ir code/steps/_sweep_steps.sql
\ir code/steps/_take_steps.sql
\ir code/steps/_tidy_workers.sql
\ir code/steps/_unblock_steps.sql
\ir code/steps/_unqueue_steps.sql
\ir code/steps/fn_assert_lease.sql
\ir code/steps/fn_claim_steps.sql
\ir code/steps/fn_complete_step.sql
\ir code/steps/fn_complete_steps.sql
\ir code/steps/fn_declare_idle.sql
\ir code/steps/fn_extend_leases.sql
\ir code/steps/fn_fail_step.sql
\ir code/steps/fn_fail_steps.sql
\ir code/steps/fn_idle_settled.sql
\ir code/steps/fn_missing_executors.sql
\ir code/steps/fn_recover_expired_leases.sql
\ir code/steps/fn_recover_stale_steps.sql
\ir code/steps/fn_register_worker.sql
\ir code/steps/fn_release_steps.sql
\ir code/steps/fn_unregister_worker.sql

-- policy: the versioned documents that decide (get, set, history, rollback, dry run)
\ir code/policy/_agent_roles.sql
\ir code/policy/_agent_roles_faults.sql
\ir code/policy/_auto_approve_faults.sql
\ir code/policy/_broken_policies.sql
\ir code/policy/_check_policy.sql
\ir code/policy/_command_forbidden.sql
\ir code/policy/_cycle_faults.sql
\ir code/policy/_dependency_edges.sql
\ir code/policy/_dependency_faults.sql
\ir code/policy/_dependency_order.sql
\ir code/policy/_executor_setting.sql
\ir code/policy/_expand_preset.sql
\ir code/policy/_field_fault.sql
\ir code/policy/_fill_event.sql
\ir code/policy/_fill_slots.sql
\ir code/policy/_fill_step.sql
\ir code/policy/_is_event_reference.sql
\ir code/policy/_judge_step.sql
\ir code/policy/_missing_field_faults.sql
\ir code/policy/_ops_policy_changed.sql
\ir code/policy/_params_faults.sql
\ir code/policy/_path_text.sql
\ir code/policy/_placeholder_faults.sql
\ir code/policy/_placeholder_place_fault.sql
\ir code/policy/_placeholders.sql
\ir code/policy/_plain_text.sql
\ir code/policy/_policy.sql
\ir code/policy/_policy_epoch.sql
\ir code/policy/_policy_faults.sql
\ir code/policy/_preset_faults.sql
\ir code/policy/_proposal_caps_faults.sql
\ir code/policy/_reaction_matrix_faults.sql
\ir code/policy/_reference_faults.sql
\ir code/policy/_regex_fault.sql
\ir code/policy/_risk_rule_holds.sql
\ir code/policy/_seed_policy.sql
\ir code/policy/_set_values.sql
\ir code/policy/_template_faults.sql
\ir code/policy/_template_slots.sql
\ir code/policy/_template_steps.sql
\ir code/policy/_unknown_field_faults.sql
\ir code/policy/_worker_policy_faults.sql
\ir code/policy/fn_assert_agent.sql
\ir code/policy/fn_get_policy.sql
\ir code/policy/fn_is_auto_approvable.sql
\ir code/policy/fn_policy_history.sql
\ir code/policy/fn_set_policy.sql

-- locks: leader election with fencing tokens
\ir code/locks/_broken_locks.sql
\ir code/locks/_check_lock.sql
\ir code/locks/_commit_durably.sql
\ir code/locks/_forget_keys.sql
\ir code/locks/_hold_lock.sql
\ir code/locks/_take_lock.sql
\ir code/locks/fn_acquire_lock.sql
\ir code/locks/fn_assert_lock.sql
\ir code/locks/fn_cleanup_expired_locks.sql
\ir code/locks/fn_extend_lock.sql
\ir code/locks/fn_idempotency_key.sql
\ir code/locks/fn_idempotent.sql
\ir code/locks/fn_idempotent_result.sql
\ir code/locks/fn_lock_token.sql
\ir code/locks/fn_release_lock.sql

-- outbox: side effects that become visible with the caller's commit
\ir code/outbox/fn_publish_outbox.sql

-- replay: replay log and dead letters

-- transitions: atomic transitions, handoffs, gates

-- subagents: checkers run in a phase

-- ops: running it (heartbeat, health, metrics, explain, pause, retention, invariants)
\ir code/ops/_announce.sql
\ir code/ops/_announced.sql
\ir code/ops/_broken_marks.sql
\ir code/ops/_chance.sql
\ir code/ops/_check_list.sql
\ir code/ops/_check_scope.sql
\ir code/ops/_count.sql
\ir code/ops/_covering_pauses.sql
\ir code/ops/_do_duties.sql
\ir code/ops/_enter.sql
\ir code/ops/_executor_barred.sql
\ir code/ops/_explain_pauses.sql
\ir code/ops/_explain_step.sql
\ir code/ops/_explain_steps.sql
\ir code/ops/_hold_calls.sql
\ir code/ops/_inbox.sql
\ir code/ops/_lane_fronts.sql
\ir code/ops/_lane_mark.sql
\ir code/ops/_last_ready_number.sql
\ir code/ops/_lift_ban.sql
\ir code/ops/_lock_control.sql
\ir code/ops/_log_control.sql
\ir code/ops/_metric_definitions.sql
\ir code/ops/_move_marks.sql
\ir code/ops/_notify_channel.sql
\ir code/ops/_now.sql
\ir code/ops/_nth_uuid_v7.sql
\ir code/ops/_park_front.sql
\ir code/ops/_park_picked.sql
\ir code/ops/_park_queued.sql
\ir code/ops/_park_steps.sql
\ir code/ops/_place_in_line.sql
\ir code/ops/_policy_statement.sql
\ir code/ops/_ready_count.sql
\ir code/ops/_record_heartbeat.sql
\ir code/ops/_revoke_leases.sql
\ir code/ops/_role_name.sql
\ir code/ops/_running_steps.sql
\ir code/ops/_sum_counts.sql
\ir code/ops/_take_ready.sql
\ir code/ops/_tend_pauses.sql
\ir code/ops/_unforbid_command.sql
\ir code/ops/_unpark_steps.sql
\ir code/ops/_uuid_v7.sql
\ir code/ops/_uuid_v7_start.sql
\ir code/ops/_wake_workers.sql
\ir code/ops/_xmin_holder.sql
\ir code/ops/fn_as_shown.sql
\ir code/ops/fn_check_health.sql
\ir code/ops/fn_check_invariants.sql
\ir code/ops/fn_explain_mission.sql
\ir code/ops/fn_explain_proposal.sql
\ir code/ops/fn_explain_step.sql
\ir code/ops/fn_health.sql
\ir code/ops/fn_heartbeat.sql
\ir code/ops/fn_inbox.sql
\ir code/ops/fn_kill_switch.sql
\ir code/ops/fn_list_missions.sql
\ir code/ops/fn_list_pauses.sql
\ir code/ops/fn_list_proposals.sql
\ir code/ops/fn_list_radar.sql
\ir code/ops/fn_list_roles.sql
\ir code/ops/fn_list_running.sql
\ir code/ops/fn_list_steps.sql
\ir code/ops/fn_metrics.sql
\ir code/ops/fn_pause.sql
\ir code/ops/fn_radar_upsert.sql
\ir code/ops/fn_resume.sql
\ir code/ops/fn_trail.sql

\ir loader/code_end.sql
\ir grants.sql
