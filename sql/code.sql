-- The story of the loop, and the table of contents of its routines.
--
-- A signal comes in: fn_emit_event stores a row of ops_agent_events and puts its id into ops_ready. ops_ready is the
-- queue of everything: narrow rows (lane, seq, id), a lane each for events, reactions and messages of the outbox, and
-- one for each executor and priority of steps. To pick something up is to delete its row there.
-- fn_heartbeat turns the loop, from anywhere and any number at once. Its phase `triggers` (fn_evaluate_triggers) takes
-- events and holds them against the policy document reaction_matrix: each event × pattern is a row of
-- ops_agent_reactions. Its phase `reactions` (fn_process_reactions) makes proposals of these; a program, a person or an
-- agent proposes with fn_create_proposal; a schedule emits or proposes at its times (phase `schedules`).
-- A proposal is a template: steps, what each waits for, and {{placeholders}} for data that is not known yet. The gate
-- (_gate_proposals) judges it by policy: rejected, pending until a person decides (fn_approve_proposal), or approved at
-- once. ops_policy has the documents, ops_policy_history every version, ops_mission_proposals what they led to.
-- What is approved becomes a row of ops_missions and its steps rows of ops_mission_steps, in the same transaction
-- (_start_missions): queued where nothing is to be waited for, else blocked.
-- fn_claim_steps leases queued steps to a worker: status running, a token that every later word about the attempt must
-- show, and a row of ops_timers that says when to look whether the worker still lives. What policy no longer covers,
-- and what a pause covers, is parked instead: status waiting, and a row of ops_parked_steps that says for what.
-- The worker extends its leases (fn_extend_leases) and reports: fn_complete_steps or fn_fail_steps. An attempt that has
-- ended is a row of ops_action_runs. A success unblocks the steps that wait for it; a failure is tried again later, or
-- is final: a dead letter (dead_letter_archive) and a failed mission. When the last step has ended, so has the mission.
-- What a worker leaves behind is taken back by the phase `leases` (fn_recover_expired_leases): run again, or held for a
-- person where twice could hurt. fn_explain_step says why a step does not run, fn_trail how it came about.
-- Results are events again (step:<kind>:succeeded, mission:failed …), one cause deeper than what led to them, so that
-- what feeds itself comes to an end. Successes that no pattern watches are not stored: ops_events derives them. Effects
-- on other systems go through outbox, in the transaction of the result.
-- fn_pause stops what it names; fn_kill_switch stops everything and makes all leases void at once. ops_audit_log keeps
-- one row for each such act of a person.
--
-- Below stand the areas from the ground up, and in each the routines in the order in which a reader meets them. An area
-- calls only areas that stand before it. The order is kept by hand; `make code-toc` adds what is missing. It loads in
-- any order: bodies are checked by the tests, not while loading.
-- Runs inside a transaction that sql/loader/begin.sql opened.
\ir loader/code_begin.sql

-- base: time, ids, chance, digests, globs, faults of fields, the login, what is put on record (audit, counts, letters)
\ir code/base/fn_compatibility.sql
\ir code/base/_release.sql
\ir code/base/_now.sql
\ir code/base/_uuid_v7.sql
\ir code/base/_uuid_v7_start.sql
\ir code/base/_nth_uuid_v7.sql
\ir code/base/_time_between.sql
\ir code/base/_chance.sql
\ir code/base/_written_form.sql
\ir code/base/_digest.sql
\ir code/base/_matches_any.sql
\ir code/base/_like_pattern.sql
\ir code/base/_fits.sql
\ir code/base/_masked.sql
\ir code/base/_group_of.sql
\ir code/base/_path_text.sql
\ir code/base/_plain_text.sql
\ir code/base/_field_fault.sql
\ir code/base/_missing_field_faults.sql
\ir code/base/_unknown_field_faults.sql
\ir code/base/_regex_fault.sql
\ir code/base/_has_long_number.sql
\ir code/base/_schema_faults.sql
\ir code/base/_schema_definitions.sql
\ir code/base/_number_fault.sql
\ir code/base/_assert_readable.sql
\ir code/base/_is_data_fault.sql
\ir code/base/_error_code.sql
\ir code/base/_error_text.sql
\ir code/base/_is_small.sql
\ir code/base/_is_deeper.sql
\ir code/base/_json_depth.sql
\ir code/base/_check_list.sql
\ir code/base/_check_filter.sql
\ir code/base/_check_text.sql
\ir code/base/_assert_may_decide.sql
\ir code/base/_assert_login_may.sql
\ir code/base/_reserved_names.sql
\ir code/base/_assert_not_reserved.sql
\ir code/base/_raise_held.sql
\ir code/base/_acting_login.sql
\ir code/base/_acting_role.sql
\ir code/base/_may_speak_for_others.sql
\ir code/base/_is_control_plane.sql
\ir code/base/fn_list_roles.sql
\ir code/base/_missing_rights.sql
\ir code/base/_role_name.sql
\ir code/base/_holder.sql
\ir code/base/_row_holder.sql
\ir code/base/_audit.sql
\ir code/base/_keep_audit_log.sql
\ir code/base/_keep_young_audit_log.sql
\ir code/base/_count.sql
\ir code/base/_counted.sql
\ir code/base/fn_report_counts.sql
\ir code/base/_archive_dead_letters.sql
\ir code/base/_purged.sql
\ir code/base/_assert_not_purged.sql
\ir code/base/_spent_keys.sql
\ir code/base/_duty_base.sql
\ir code/base/_catch_up_sequences.sql

-- queue: lanes and their marks, announcements, taking what is ready, waking workers
\ir code/queue/_enqueue_steps.sql
\ir code/queue/_ensure_lanes.sql
\ir code/queue/_lane_of.sql
\ir code/queue/_announce.sql
\ir code/queue/_pass_restore.sql
\ir code/queue/_wake_workers.sql
\ir code/queue/_wake_sleepers.sql
\ir code/queue/_notify_channel.sql
\ir code/queue/_unqueue_steps.sql
\ir code/queue/_lane_fronts.sql
\ir code/queue/_last_ready_number.sql
\ir code/queue/_open_enqueuers.sql
\ir code/queue/_lane_mark.sql
\ir code/queue/_move_marks.sql
\ir code/queue/_take_ready.sql
\ir code/queue/_ready_count.sql
\ir code/queue/fn_declare_idle.sql
\ir code/queue/_assert_own_worker.sql
\ir code/queue/fn_idle_settled.sql
\ir code/queue/_keeps_watch.sql
\ir code/queue/_duty_queue.sql
\ir code/queue/_begin_sweep.sql
\ir code/queue/_end_sweep.sql
\ir code/queue/_set_aside.sql
\ir code/queue/_not_aside.sql
\ir code/queue/_reset_queue.sql
\ir code/queue/_broken_queue.sql

-- templates: what a template is: steps, dependencies, placeholders, presets, and its faults
\ir code/templates/_template_schema.sql
\ir code/templates/_template_faults.sql
\ir code/templates/_params_faults.sql
\ir code/templates/_wait_faults.sql
\ir code/templates/_moment_fault.sql
\ir code/templates/_moment.sql
\ir code/templates/_items_fault.sql
\ir code/templates/_dependency_faults.sql
\ir code/templates/_dependency_edges.sql
\ir code/templates/_cycle_faults.sql
\ir code/templates/_dependency_order.sql
\ir code/templates/_placeholder_faults.sql
\ir code/templates/_placeholders.sql
\ir code/templates/_placeholder_place_fault.sql
\ir code/templates/_is_event_reference.sql
\ir code/templates/_reference_faults.sql
\ir code/templates/_template_steps.sql
\ir code/templates/_template_slots.sql
\ir code/templates/_slots_by_step.sql
\ir code/templates/_step_slots.sql
\ir code/templates/_template_digest.sql
\ir code/templates/_fill_event.sql
\ir code/templates/_fill_slots.sql
\ir code/templates/_set_values.sql
\ir code/templates/_fill_step.sql
\ir code/templates/_argument_text.sql
\ir code/templates/_as_run.sql
\ir code/templates/_expand_preset.sql
\ir code/templates/_preset_faults.sql

-- policy: versioned documents, their faults, and the verdict on a step
\ir code/policy/_policy.sql
\ir code/policy/_policy_generation.sql
\ir code/policy/fn_get_policy.sql
\ir code/policy/fn_list_policies.sql
\ir code/policy/fn_set_policy.sql
\ir code/policy/_check_policy.sql
\ir code/policy/_policy_faults.sql
\ir code/policy/fn_policy_schema.sql
\ir code/policy/_policy_schema.sql
\ir code/policy/_reaction_matrix_schema.sql
\ir code/policy/_auto_approve_schema.sql
\ir code/policy/_proposal_caps_schema.sql
\ir code/policy/_worker_policy_schema.sql
\ir code/policy/_agent_roles_schema.sql
\ir code/policy/_outbox_schema.sql
\ir code/policy/_size_limits_schema.sql
\ir code/policy/_transition_rules_schema.sql
\ir code/policy/_gate_thresholds_schema.sql
\ir code/policy/_gate_applicability_schema.sql
\ir code/policy/_approval_rules_schema.sql
\ir code/policy/_retention_schema.sql
\ir code/policy/_sign_in_schema.sql
\ir code/policy/_tests_schema.sql
\ir code/policy/_schedules_schema.sql
\ir code/policy/_reaction_matrix_faults.sql
\ir code/policy/_worker_policy_faults.sql
\ir code/policy/_agent_roles_faults.sql
\ir code/policy/_outbox_policy_faults.sql
\ir code/policy/_gate_thresholds_faults.sql
\ir code/policy/_gate_applicability_faults.sql
\ir code/policy/_approval_rules_faults.sql
\ir code/policy/_ops_policy_changed.sql
\ir code/policy/_ops_policy_audited.sql
\ir code/policy/fn_policy_history.sql
\ir code/policy/fn_diff_policy.sql
\ir code/policy/_diff_values.sql
\ir code/policy/fn_rollback_policy.sql
\ir code/policy/_policy_version.sql
\ir code/policy/_seed_policy.sql
\ir code/policy/_documents_in_force.sql
\ir code/policy/_judge_templates.sql
\ir code/policy/_judge_step.sql
\ir code/policy/_built_in_risk_rules.sql
\ir code/policy/_risk_rule_holds.sql
\ir code/policy/_argument_pattern.sql
\ir code/policy/_allowed_commands.sql
\ir code/policy/_too_many_commands.sql
\ir code/policy/_command_forbidden.sql
\ir code/policy/_agent_roles.sql
\ir code/policy/_executor_blocked.sql
\ir code/policy/_executor_names.sql
\ir code/policy/fn_is_auto_approvable.sql
\ir code/policy/fn_assert_agent.sql
\ir code/policy/_executor_setting.sql
\ir code/policy/_risk_name.sql
\ir code/policy/_size_limits.sql
\ir code/policy/_check_size.sql
\ir code/policy/_check_batch.sql
\ir code/policy/_check_template.sql
\ir code/policy/_size_fault.sql
\ir code/policy/_refuse_size.sql
\ir code/policy/_size_message.sql
\ir code/policy/_size_remedy.sql
\ir code/policy/_told_faults.sql
\ir code/policy/_broken_policy.sql

-- events: signals in, the loop's own events, and which patterns react to them
\ir code/events/fn_emit_event.sql
\ir code/events/fn_emit_events.sql
\ir code/events/_event_faults.sql
\ir code/events/_emit_events.sql
\ir code/events/_emit_loop_events.sql
\ir code/events/_watched_types.sql
\ir code/events/_awaited_types.sql
\ir code/events/_step_event.sql
\ir code/events/_mission_event.sql
\ir code/events/_event.sql
\ir code/events/fn_evaluate_triggers.sql
\ir code/events/_too_many_events.sql
\ir code/events/_match_events.sql
\ir code/events/_match_alone.sql
\ir code/events/_note_awaited.sql
\ir code/events/_has_unseen_events.sql
\ir code/events/_matching_patterns.sql
\ir code/events/_pass_cooldowns.sql
\ir code/events/_fill_reaction.sql
\ir code/events/_duty_events.sql
\ir code/events/_adopt_each.sql
\ir code/events/_enqueue_events.sql
\ir code/events/_enqueue_reactions.sql
\ir code/events/_broken_events.sql
\ir code/events/_broken_reactions.sql

-- control: pauses, the kill switch, the barriers that claims and reports pass, parked steps
\ir code/control/_pass_barrier.sql
\ir code/control/_close_barriers.sql
\ir code/control/fn_pause.sql
\ir code/control/_check_scope.sql
\ir code/control/_lock_schedule.sql
\ir code/control/_lock_control.sql
\ir code/control/_covering_pauses.sql
\ir code/control/_park_queued.sql
\ir code/control/_parking_pauses.sql
\ir code/control/_park_paused.sql
\ir code/control/_pause_reason.sql
\ir code/control/_park_steps.sql
\ir code/control/fn_resume.sql
\ir code/control/_resume_steps.sql
\ir code/control/_resume_part.sql
\ir code/control/_unpark_steps.sql
\ir code/control/fn_kill_switch.sql
\ir code/control/fn_list_pauses.sql
\ir code/control/fn_end_session.sql
\ir code/control/_park_picked.sql
\ir code/control/_park_front.sql
\ir code/control/_duty_control.sql

-- keys: keys of the HTTP control plane, sign-ins, and the login that a call speaks for
\ir code/keys/fn_create_api_key.sql
\ir code/keys/fn_rotate_api_key.sql
\ir code/keys/fn_revoke_api_key.sql
\ir code/keys/fn_list_api_keys.sql
\ir code/keys/_check_api_key.sql
\ir code/keys/_assert_own_key.sql
\ir code/keys/_assert_in_group.sql
\ir code/keys/fn_act_as.sql
\ir code/keys/fn_find_caller.sql
\ir code/keys/fn_sign_in.sql
\ir code/keys/fn_sign_out.sql

-- locks: locks that expire, with fencing tokens; what is done once by key
\ir code/locks/fn_acquire_lock.sql
\ir code/locks/_check_lock.sql
\ir code/locks/_take_lock.sql
\ir code/locks/_hold_lock.sql
\ir code/locks/_commit_durably.sql
\ir code/locks/_current_epoch.sql
\ir code/locks/fn_extend_lock.sql
\ir code/locks/fn_release_lock.sql
\ir code/locks/fn_lock_token.sql
\ir code/locks/fn_assert_lock.sql
\ir code/locks/fn_cleanup_expired_locks.sql
\ir code/locks/fn_list_locks.sql
\ir code/locks/fn_idempotency_key.sql
\ir code/locks/fn_idempotent.sql
\ir code/locks/fn_idempotent_result.sql
\ir code/locks/_duty_locks.sql
\ir code/locks/_redate_locks.sql
\ir code/locks/_locks_over.sql
\ir code/locks/_broken_locks.sql

-- outbox: side effects that become visible with the caller's commit
\ir code/outbox/fn_publish_outbox.sql
\ir code/outbox/_ready_outbox.sql
\ir code/outbox/_outbox_ready_id.sql
\ir code/outbox/fn_claim_outbox_events.sql
\ir code/outbox/_check_outbox_claim.sql
\ir code/outbox/_outbox_lease.sql
\ir code/outbox/_claim_outbox.sql
\ir code/outbox/_free_due_heads.sql
\ir code/outbox/_free_heads.sql
\ir code/outbox/_read_outbox_hints.sql
\ir code/outbox/_outbox_event_id.sql
\ir code/outbox/_published_since.sql
\ir code/outbox/_drop_outbox_hints.sql
\ir code/outbox/_lock_heads.sql
\ir code/outbox/_make_heads.sql
\ir code/outbox/_lease_heads.sql
\ir code/outbox/_outbox_hold.sql
\ir code/outbox/_outbox_route.sql
\ir code/outbox/fn_claim_outbox_deliveries.sql
\ir code/outbox/_outbox_settings.sql
\ir code/outbox/_outbox_body.sql
\ir code/outbox/fn_extend_outbox_claims.sql
\ir code/outbox/fn_disown_outbox_events.sql
\ir code/outbox/_lock_claimed_heads.sql
\ir code/outbox/fn_complete_outbox_event.sql
\ir code/outbox/_settle_outbox.sql
\ir code/outbox/_lock_head.sql
\ir code/outbox/_outbox_verdicts.sql
\ir code/outbox/_record_deliveries.sql
\ir code/outbox/_bury_outbox.sql
\ir code/outbox/_bury_alone.sql
\ir code/outbox/_settle_heads.sql
\ir code/outbox/fn_complete_outbox_events.sql
\ir code/outbox/_duty_outbox.sql
\ir code/outbox/_requeue_outbox.sql
\ir code/outbox/fn_list_outbox.sql
\ir code/outbox/_outbox_front.sql
\ir code/outbox/_broken_outbox.sql

-- approvals: what rules ask for before a proposal runs: seats, votes, expiry, escalation, grants, break-glass
\ir code/approvals/_open_approvals.sql
\ir code/approvals/_approval_facts.sql
\ir code/approvals/_required_by.sql
\ir code/approvals/_approval_rule_holds.sql
\ir code/approvals/_time_approval.sql
\ir code/approvals/_approval_state.sql
\ir code/approvals/_login_groups.sql
\ir code/approvals/_person.sql
\ir code/approvals/_login_may_decide.sql
\ir code/approvals/_escalated_by.sql
\ir code/approvals/_assign_seats.sql
\ir code/approvals/_seats_text.sql
\ir code/approvals/_asked_text.sql
\ir code/approvals/_cast_decision.sql
\ir code/approvals/_end_approval.sql
\ir code/approvals/_tell_approvals.sql
\ir code/approvals/_duty_approvals.sql
\ir code/approvals/fn_grant.sql
\ir code/approvals/_grant_faults.sql
\ir code/approvals/_grant_covers.sql
\ir code/approvals/fn_revoke_grant.sql
\ir code/approvals/fn_list_grants.sql
\ir code/approvals/fn_review_break_glass.sql
\ir code/approvals/fn_list_break_glass.sql
\ir code/approvals/_unfilled_seats.sql
\ir code/approvals/_overused_grants.sql

-- steps: the work itself: claim, lease, complete, fail, recover, and what an end does to the mission
\ir code/steps/fn_register_worker.sql
\ir code/steps/_lease_seconds.sql
\ir code/steps/fn_unregister_worker.sql
\ir code/steps/fn_claim_steps.sql
\ir code/steps/_pick_steps.sql
\ir code/steps/_held_steps.sql
\ir code/steps/_return_to_queue.sql
\ir code/steps/_take_steps.sql
\ir code/steps/_too_many_steps.sql
\ir code/steps/_open_lanes.sql
\ir code/steps/_judge_picked.sql
\ir code/steps/_claim_verdicts.sql
\ir code/steps/_step_results.sql
\ir code/steps/_missing_results.sql
\ir code/steps/_refuse_steps.sql
\ir code/steps/_fail_alone.sql
\ir code/steps/_lock_missions_of.sql
\ir code/steps/_fail_for_good.sql
\ir code/steps/_cancel_dependants.sql
\ir code/steps/_dependants.sql
\ir code/steps/_unblock_steps.sql
\ir code/steps/_await_turn.sql
\ir code/steps/_await_approvals.sql
\ir code/steps/_begin_to_wait.sql
\ir code/steps/_park_until.sql
\ir code/steps/_listen.sql
\ir code/steps/_wait_terms.sql
\ir code/steps/_free_waiting.sql
\ir code/steps/_spread_step.sql
\ir code/steps/_free_parents.sql
\ir code/steps/_begin_waits.sql
\ir code/steps/_end_waits.sql
\ir code/steps/_fail_waits.sql
\ir code/steps/_settle_missions.sql
\ir code/steps/_tell_parents.sql
\ir code/steps/_cancel_steps.sql
\ir code/steps/_attempt_limits.sql
\ir code/steps/fn_extend_leases.sql
\ir code/steps/_check_reports.sql
\ir code/steps/_reports_apart.sql
\ir code/steps/_are_plain_reports.sql
\ir code/steps/_large_reports.sql
\ir code/steps/fn_assert_lease.sql
\ir code/steps/fn_complete_step.sql
\ir code/steps/fn_complete_steps.sql
\ir code/steps/_accept_results.sql
\ir code/steps/_publish_reports.sql
\ir code/steps/fn_fail_step.sql
\ir code/steps/fn_fail_steps.sql
\ir code/steps/_end_attempts.sql
\ir code/steps/_record_attempts.sql
\ir code/steps/_backoff_seconds.sql
\ir code/steps/fn_release_steps.sql
\ir code/steps/_on_lease_lost.sql
\ir code/steps/_give_back_steps.sql
\ir code/steps/fn_disown_steps.sql
\ir code/steps/fn_recover_expired_leases.sql
\ir code/steps/_recover_each.sql
\ir code/steps/_recover_steps.sql
\ir code/steps/_lock_free_missions.sql
\ir code/steps/_rearm_timers.sql
\ir code/steps/_leases_over.sql
\ir code/steps/fn_recover_stale_steps.sql
\ir code/steps/_sweep_steps.sql
\ir code/steps/_redate_steps.sql
\ir code/steps/_note_strays.sql
\ir code/steps/_mend_parking.sql
\ir code/steps/_adopt_steps.sql
\ir code/steps/_record_interrupted.sql
\ir code/steps/_revive_missions.sql
\ir code/steps/_sweep_missions.sql
\ir code/steps/_mend_missions.sql
\ir code/steps/fn_missing_executors.sql
\ir code/steps/fn_unoffered_executors.sql
\ir code/steps/_revoke_leases.sql
\ir code/steps/_running_steps.sql
\ir code/steps/_rebuild_steps.sql
\ir code/steps/_duty_steps.sql
\ir code/steps/_broken_steps.sql

-- missions: approved proposals as graphs of steps, and what a person decides about them
\ir code/missions/_start_missions.sql
\ir code/missions/fn_cancel_mission.sql
\ir code/missions/_cancel_mission.sql
\ir code/missions/_lock_mission.sql
\ir code/missions/fn_retry_step.sql
\ir code/missions/_retry_step.sql
\ir code/missions/_step_as_proposal.sql
\ir code/missions/_open_step_approval.sql
\ir code/missions/_decide_step.sql
\ir code/missions/_end_waiting.sql
\ir code/missions/_duty_missions.sql
\ir code/missions/_assert_may_decide_on.sql
\ir code/missions/fn_resolve_step.sql
\ir code/missions/_matching_missions.sql
\ir code/missions/_perhaps_stuck.sql
\ir code/missions/_stuck_missions.sql
\ir code/missions/_matching_steps.sql
\ir code/missions/fn_retry_steps.sql
\ir code/missions/fn_resolve_steps.sql
\ir code/missions/fn_cancel_missions.sql
\ir code/missions/_listed_steps.sql
\ir code/missions/_act_on_each.sql
\ir code/missions/_retry_plain.sql
\ir code/missions/_broken_missions.sql

-- proposals: intents and the gate they pass; reactions that become proposals
\ir code/proposals/fn_create_proposal.sql
\ir code/proposals/_propose.sql
\ir code/proposals/_create_proposals.sql
\ir code/proposals/_gate_proposals.sql
\ir code/proposals/_reserve_caps.sql
\ir code/proposals/_wait_for_caps.sql
\ir code/proposals/_caps_in_force.sql
\ir code/proposals/_open_cap_counter.sql
\ir code/proposals/_count_in_window.sql
\ir code/proposals/_release_caps.sql
\ir code/proposals/_tell_pending.sql
\ir code/proposals/fn_create_proposals.sql
\ir code/proposals/fn_propose_for_step.sql
\ir code/proposals/fn_process_reactions.sql
\ir code/proposals/_too_many_reactions.sql
\ir code/proposals/_event_proposers.sql
\ir code/proposals/_propose_reactions.sql
\ir code/proposals/_fail_reaction.sql
\ir code/proposals/_bury_reaction.sql
\ir code/proposals/fn_gate_proposal.sql
\ir code/proposals/_verdicts.sql
\ir code/proposals/_caps_reached.sql
\ir code/proposals/fn_approve_proposal.sql
\ir code/proposals/_lock_proposal.sql
\ir code/proposals/_start_approved.sql
\ir code/proposals/_ops_proposal_approved.sql
\ir code/proposals/fn_reject_proposal.sql
\ir code/proposals/fn_break_glass.sql
\ir code/proposals/_use_grants.sql
\ir code/proposals/fn_cast_vote.sql
\ir code/proposals/fn_withdraw_proposal.sql
\ir code/proposals/fn_list_budgets.sql
\ir code/proposals/_duty_proposals.sql
\ir code/proposals/_gate_waiting.sql
\ir code/proposals/_broken_approvals.sql
\ir code/proposals/_broken_proposals.sql

-- replay: the replay log, and dead letters put back to work
\ir code/replay/fn_archive_dead_letter.sql
\ir code/replay/fn_list_dead_letters.sql
\ir code/replay/fn_group_failures.sql
\ir code/replay/_dead_letter_filter.sql
\ir code/replay/_dead_letters.sql
\ir code/replay/fn_record_replay.sql
\ir code/replay/_record_replay.sql
\ir code/replay/fn_redrive_dead_letter.sql
\ir code/replay/_redrive.sql
\ir code/replay/_put_back.sql
\ir code/replay/fn_redrive_dead_letters.sql
\ir code/replay/_broken_replay.sql

-- transitions: directives that move from phase to phase in one piece, the gates before that, and handoffs of both
\ir code/transitions/fn_claim_directive.sql
\ir code/transitions/_directive_id.sql
\ir code/transitions/_refusal.sql
\ir code/transitions/_directive_unknown.sql
\ir code/transitions/_directive_busy.sql
\ir code/transitions/_claim_refusal.sql
\ir code/transitions/fn_release_directive.sql
\ir code/transitions/fn_atomic_transition.sql
\ir code/transitions/_earlier_answer.sql
\ir code/transitions/_transition_answer.sql
\ir code/transitions/_take_request.sql
\ir code/transitions/_transition_refusal.sql
\ir code/transitions/_move_directive.sql
\ir code/transitions/_directive_state.sql
\ir code/transitions/_recovery_action.sql
\ir code/transitions/fn_atomic_lead_to_plan_transition.sql
\ir code/transitions/fn_atomic_plan_to_exec_transition.sql
\ir code/transitions/fn_atomic_exec_to_plan_transition.sql
\ir code/transitions/fn_atomic_plan_to_lead_transition.sql
\ir code/transitions/fn_execute_handoff.sql
\ir code/transitions/_handoff_answer.sql
\ir code/transitions/fn_evaluate_gates.sql
\ir code/transitions/_weigh_gate.sql
\ir code/transitions/fn_normalize_gate_result.sql
\ir code/transitions/_gate_number.sql
\ir code/transitions/fn_gate_threshold.sql
\ir code/transitions/fn_should_skip_gate.sql
\ir code/transitions/fn_should_skip_gates.sql
\ir code/transitions/_skip_decision.sql
\ir code/transitions/_listed.sql
\ir code/transitions/fn_list_handoffs.sql
\ir code/transitions/fn_list_directives.sql
\ir code/transitions/fn_show_directive.sql
\ir code/transitions/_broken_transitions.sql

-- subagents: checkers that a phase of a directive needs, run as one mission, and what they found
\ir code/subagents/fn_orchestrate_sub_agents.sql
\ir code/subagents/_needed_sub_agents.sql
\ir code/subagents/_sub_agent_step.sql
\ir code/subagents/_run_answer.sql
\ir code/subagents/_duty_subagents.sql
\ir code/subagents/_run_findings.sql
\ir code/subagents/_sub_agent_finding.sql
\ir code/subagents/fn_store_sub_agent_result.sql
\ir code/subagents/_hit_result.sql
\ir code/subagents/fn_sub_agent_summary.sql
\ir code/subagents/fn_list_sub_agents.sql

-- schedules: what happens at given times: cron, time zones, ticks that are missed or overlap
\ir code/schedules/fn_set_schedule.sql
\ir code/schedules/_schedule_faults.sql
\ir code/schedules/_cron_faults.sql
\ir code/schedules/_zone_faults.sql
\ir code/schedules/_refuse_schedule.sql
\ir code/schedules/_as_schedule.sql
\ir code/schedules/_zoned.sql
\ir code/schedules/_set_schedule.sql
\ir code/schedules/_drop_queued_ticks.sql
\ir code/schedules/fn_enable_schedule.sql
\ir code/schedules/fn_disable_schedule.sql
\ir code/schedules/_switch_schedule.sql
\ir code/schedules/fn_delete_schedule.sql
\ir code/schedules/_delete_schedule.sql
\ir code/schedules/fn_apply_schedules.sql
\ir code/schedules/fn_list_schedules.sql
\ir code/schedules/fn_list_schedule_ticks.sql
\ir code/schedules/_duty_schedules.sql
\ir code/schedules/_free_schedule.sql
\ir code/schedules/_take_due.sql
\ir code/schedules/_take_ticks.sql
\ir code/schedules/_is_tick_open.sql
\ir code/schedules/_fire_alone.sql
\ir code/schedules/_fire_tick.sql
\ir code/schedules/_tick_text.sql
\ir code/schedules/_store_tick.sql
\ir code/schedules/_schedule_of.sql
\ir code/schedules/fn_run_schedule.sql
\ir code/schedules/_assert_not_paused.sql
\ir code/schedules/fn_backfill_schedule.sql
\ir code/schedules/_ticks.sql
\ir code/schedules/_latest_ticks.sql
\ir code/schedules/_next_tick.sql
\ir code/schedules/_zone_offsets.sql
\ir code/schedules/_end_of_gap.sql
\ir code/schedules/_next_local.sql
\ir code/schedules/_cron_days.sql
\ir code/schedules/_cron.sql
\ir code/schedules/_cron_field.sql
\ir code/schedules/_cron_value.sql
\ir code/schedules/_schedules_failing.sql
\ir code/schedules/_broken_schedules.sql

-- waits: events given to the steps that wait for them; missions of steps
\ir code/waits/_duty_waits.sql
\ir code/waits/_look_back.sql
\ir code/waits/_give_event.sql
\ir code/waits/_tend_children.sql
\ir code/waits/_propose_child.sql
\ir code/waits/_see_child.sql
\ir code/waits/_end_child.sql

-- retention: what goes when: whole missions, events, messages, letters and records, deleted, archived or exported
\ir code/retention/fn_apply_retention.sql
\ir code/retention/_apply_retention.sql
\ir code/retention/fn_purge.sql
\ir code/retention/fn_list_purges.sql
\ir code/retention/_duty_retention.sql
\ir code/retention/_retention_state.sql
\ir code/retention/_begin_purge.sql
\ir code/retention/_retention_cuts.sql
\ir code/retention/_retention_parts.sql
\ir code/retention/_retain.sql
\ir code/retention/_retain_part.sql
\ir code/retention/_retain_missions.sql
\ir code/retention/_needed_missions.sql
\ir code/retention/_not_set_aside.sql
\ir code/retention/_purge_missions.sql
\ir code/retention/_purge_evidence.sql
\ir code/retention/_forget_caps.sql
\ir code/retention/_spend_keys.sql
\ir code/retention/_note_purged.sql
\ir code/retention/_purge_rows.sql
\ir code/retention/_archive_of.sql

-- explain: why, how it came about, what another policy would have decided, the inbox
\ir code/explain/fn_explain_mission.sql
\ir code/explain/_explain_steps.sql
\ir code/explain/_explain_step.sql
\ir code/explain/_policy_versions.sql
\ir code/explain/_explain_end.sql
\ir code/explain/_explain_lease.sql
\ir code/explain/_explain_parking.sql
\ir code/explain/_explain_queued.sql
\ir code/explain/_explain_closed.sql
\ir code/explain/_explain_pauses.sql
\ir code/explain/_unforbid_statement.sql
\ir code/explain/_unforbid_command.sql
\ir code/explain/_policy_statement.sql
\ir code/explain/fn_explain_step.sql
\ir code/explain/fn_explain_proposal.sql
\ir code/explain/fn_explain_cause.sql
\ir code/explain/fn_explain_directive.sql
\ir code/explain/fn_dry_run_policy.sql
\ir code/explain/_rehearsed_decisions.sql
\ir code/explain/_recorded_decisions.sql
\ir code/explain/_rehearsed_reactions.sql
\ir code/explain/_judge_all.sql
\ir code/explain/_draft_documents.sql
\ir code/explain/fn_test_policy.sql
\ir code/explain/_would_react.sql
\ir code/explain/_rehearse_caps.sql
\ir code/explain/_rehearse_approvals.sql
\ir code/explain/_rehearsed_groups.sql
\ir code/explain/_rehearse_votes.sql
\ir code/explain/fn_shadow_policy.sql
\ir code/explain/_duty_explain.sql
\ir code/explain/_shadowed_decisions.sql
\ir code/explain/fn_list_shadows.sql
\ir code/explain/fn_shadow_decisions.sql
\ir code/explain/fn_trail.sql
\ir code/explain/fn_find_id.sql
\ir code/explain/fn_whole_id.sql
\ir code/explain/fn_show.sql
\ir code/explain/_show_steps.sql
\ir code/explain/_shown_value.sql
\ir code/explain/_usage.sql
\ir code/explain/fn_inbox.sql
\ir code/explain/_inbox.sql
\ir code/explain/_inbox_fits.sql
\ir code/explain/_would_run.sql
\ir code/explain/_caused_by.sql
\ir code/explain/_mission_so_far.sql
\ir code/explain/fn_as_shown.sql
\ir code/explain/fn_decide.sql
\ir code/explain/_place_in_line.sql

-- ops: heartbeat, health, metrics, lists, invariants: sees everything and is called by nobody
\ir code/ops/fn_heartbeat.sql
\ir code/ops/fn_fall_asleep.sql
\ir code/ops/_seconds_until_due.sql
\ir code/ops/_record_heartbeat.sql
\ir code/ops/fn_health.sql
\ir code/ops/_xmin_holder.sql
\ir code/ops/fn_check_health.sql
\ir code/ops/_measures.sql
\ir code/ops/fn_metrics.sql
\ir code/ops/fn_check_invariants.sql
\ir code/ops/_id_window.sql
\ir code/ops/fn_after_restore.sql
\ir code/ops/fn_upgrade_check.sql
\ir code/ops/_unserved_steps.sql
\ir code/ops/fn_capabilities.sql
\ir code/ops/fn_stats.sql
\ir code/ops/fn_rates.sql
\ir code/ops/fn_overview.sql
\ir code/ops/fn_list_missions.sql
\ir code/ops/fn_count_stuck.sql
\ir code/ops/fn_list_steps.sql
\ir code/ops/fn_mission_results.sql
\ir code/ops/fn_list_running.sql
\ir code/ops/fn_list_workers.sql
\ir code/ops/fn_list_proposals.sql
\ir code/ops/fn_radar_upsert.sql
\ir code/ops/fn_list_radar.sql

\ir loader/code_end.sql
\ir grants.sql
