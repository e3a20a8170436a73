-- Table of contents of the routines: every file in sql/code, grouped by area, in any order (bodies are checked by
-- the tests, not while loading). `make code-toc` rewrites the lines under the headings from the files there are.
-- Runs inside a transaction that sql/loader/begin.sql opened.
\ir loader/code_begin.sql

-- events: signals in, and the reactions they match (emit, match, react)
\ir code/events/_emit_events.sql
\ir code/events/_emit_loop_events.sql
\ir code/events/_event_faults.sql
\ir code/events/_fill_reaction.sql
\ir code/events/_is_watched.sql
\ir code/events/_matches_any.sql
\ir code/events/_matching_patterns.sql
\ir code/events/_pass_cooldowns.sql
\ir code/events/_propose_reactions.sql
\ir code/events/fn_emit_event.sql
\ir code/events/fn_emit_events.sql
\ir code/events/fn_evaluate_triggers.sql
\ir code/events/fn_process_reactions.sql

-- proposals: intents and the gate they pass (gate, approve, vote)
\ir code/proposals/_cap_group.sql
\ir code/proposals/_caps_in_force.sql
\ir code/proposals/_create_proposals.sql
\ir code/proposals/_digest.sql
\ir code/proposals/_gate_proposals.sql
\ir code/proposals/_gate_waiting.sql
\ir code/proposals/_judge_template.sql
\ir code/proposals/_open_cap_counter.sql
\ir code/proposals/_reserve_caps.sql
\ir code/proposals/_risk_name.sql
\ir code/proposals/fn_create_proposal.sql
\ir code/proposals/fn_create_proposals.sql

-- missions: approved work as graphs of steps (graph, finish, cancel)

-- steps: the work itself (claim, lease, complete, fail, recover)

-- policy: the versioned documents that decide (get, set, history, rollback, dry run)

-- locks: leader election with fencing tokens

-- outbox: side effects that become visible with the caller's commit

-- replay: replay log and dead letters

-- transitions: atomic transitions, handoffs, gates

-- subagents: checkers run in a phase

-- ops: running it (heartbeat, health, metrics, explain, pause, retention, invariants)
\ir code/ops/_chance.sql
\ir code/ops/_check_list.sql
\ir code/ops/_notify_channel.sql
\ir code/ops/_now.sql
\ir code/ops/_record_heartbeat.sql
\ir code/ops/_take_ready.sql
\ir code/ops/_uuid_v7.sql
\ir code/ops/_wake_workers.sql
\ir code/ops/fn_heartbeat.sql
\ir code/ops/fn_list_missions.sql
\ir code/ops/fn_list_policy_versions.sql
\ir code/ops/fn_list_proposals.sql
\ir code/ops/fn_list_steps.sql

\ir loader/code_end.sql
\ir grants.sql
