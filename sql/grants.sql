-- Who may do what; the last thing each load runs, and to be run again by itself when roles were made later (`opsloop
-- roles --apply`, or psql on roles.sql). What this file does not grant on a routine does not survive it.
-- docs/roles.md says the same as a table of what each role may do, and a test tries it out.

-- The five groups. Roles belong to the whole cluster: one that is there is used as it is. A deployer who may not make
-- roles gets everything else; the roles are made later by somebody who may.
do $$
declare
  v_name text;
  v_missing text;
begin
  if (select r.rolsuper or r.rolcreaterole from pg_roles r where r.rolname = current_user) then
    foreach v_name in array array[_role_name('reader'), _role_name('producer'), _role_name('worker'),
                                  _role_name('operator'), _role_name('admin')] loop
      if not exists (select from pg_roles r where r.rolname = v_name) then
        begin
          execute format('create role %I nologin', v_name);
        exception
          -- Made meanwhile by the deployment of another database, or not this deployer's to make.
          when duplicate_object or unique_violation or insufficient_privilege then null;
        end;
      end if;
    end loop;
  end if;

  select string_agg(l.remedy, ' ') into v_missing from fn_list_roles() l where l.remedy is not null;
  if v_missing is not null then
    raise notice 'roles of this loop are not ready; whoever may make roles runs: %', v_missing
      using hint = 'Then apply the rights: opsloop roles --apply, or psql with sql/roles.sql.';
  end if;
end;
$$;

-- First everything is taken from everybody but the owner: default privileges of the database may have granted
-- something at creation.
do $$
declare
  v_routine record;
  v_revoke text;
begin
  for v_routine in
    select p.oid::regprocedure as signature, p.proowner, p.proacl
      from pg_proc p
      join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
     where p.pronamespace = quote_ident(current_schema())::regnamespace
  loop
    execute format('revoke all on routine %s from public', v_routine.signature);
    for v_revoke in
      select distinct format('revoke all on routine %s from %I', v_routine.signature, pg_get_userbyid(a.grantee))
        from aclexplode(v_routine.proacl) a
       where a.grantee not in (0, v_routine.proowner)
    loop
      execute v_revoke;
    end loop;
  end loop;

  -- The tables of the runner, which made them itself.
  for v_revoke in
    select distinct format('revoke all on %s from %s', c.oid::regclass,
                           case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
      from pg_class c
     cross join lateral aclexplode(c.relacl) a
     where c.relnamespace = quote_ident(current_schema())::regnamespace
       and c.relname in ('_yoyo_opsloop_log', '_yoyo_opsloop_migration', '_yoyo_opsloop_version', 'yoyo_opsloop_lock')
       and a.grantee <> c.relowner
  loop
    execute v_revoke;
  end loop;
end;
$$;

-- Then come the grants. A name that is not there is passed over.
do $$
declare
  -- All five may read every table and view. Only the owner writes to them, all others through the functions.
  v_tables constant text[] := array[
    'opsloop_schema_change', 'opsloop_routine',
    'ops_policy', 'ops_policy_history', 'ops_policy_audit', 'ops_policy_votes', 'ops_policy_shadows',
    'ops_shadow_counts', 'ops_shadow_decisions',
    'ops_lanes', 'ops_ready', 'ops_late_enqueuers', 'ops_timers', 'ops_workers', 'ops_workers_seen', 'ops_sweep',
    'ops_queue',
    'ops_agent_events', 'ops_events', 'ops_step_successes', 'ops_mission_successes',
    'ops_agent_reactions', 'ops_pattern_cooldowns',
    'ops_mission_proposals', 'ops_proposal_votes', 'ops_approvals', 'ops_approval_seats', 'ops_break_glass',
    'ops_break_glass_reviews', 'ops_grants', 'ops_grant_uses', 'ops_cap_counters',
    'ops_missions', 'ops_mission_steps', 'ops_parked_steps', 'ops_event_waits', 'ops_awaited_events',
    'ops_child_missions', 'ops_strays',
    'ops_action_runs', 'ops_attempt_counts', 'ops_attempt_fold',
    'outbox', 'outbox_heads', 'outbox_timers', 'dead_letter_archive', 'replay_log', 'ops_demand_radar',
    'ops_idempotency_keys',
    'distributed_locks', 'ops_counters', 'ops_counts', 'ops_count_times', 'ops_process_counts',
    'ops_pauses', 'ops_control', 'ops_audit_log', 'ops_control_log',
    'ops_retention', 'ops_purged', 'ops_spent_keys', 'ops_moves',
    'strategic_directives', 'product_requirements', 'user_stories', 'sd_session_claims', 'sd_transition_audit',
    'sd_phase_handoffs', 'leo_sub_agents', 'sub_agent_runs', 'sub_agent_execution_results',
    'ops_schedules', 'ops_schedule_ticks'
  ];
  -- Each function with the roles that may call it. Others follow from these: _including_roles says which.
  v_functions constant text[][] := array[
    -- base
    ['fn_list_roles', 'reader'],
    ['fn_report_counts', 'worker'],
    -- queue
    ['fn_declare_idle', 'worker'],
    ['fn_idle_settled', 'worker'],
    -- policy
    ['fn_get_policy', 'reader'],
    ['fn_list_policies', 'reader'],
    ['fn_set_policy', 'admin'],
    ['fn_rollback_policy', 'admin'],
    ['fn_policy_history', 'reader'],
    ['fn_diff_policy', 'reader'],
    ['fn_policy_schema', 'reader'],
    ['fn_is_auto_approvable', 'reader'],
    ['fn_assert_agent', 'reader'],
    -- events
    ['fn_emit_event', 'producer'],
    ['fn_emit_events', 'producer'],
    ['fn_evaluate_triggers', 'worker operator'],
    -- control
    ['fn_pause', 'operator'],
    ['fn_resume', 'operator'],
    ['fn_kill_switch', 'operator'],
    ['fn_list_pauses', 'reader'],
    ['fn_end_session', 'operator'],
    ['fn_node', 'reader'],
    ['fn_tell_node', 'admin'],
    -- keys
    ['fn_create_api_key', 'admin'],
    ['fn_rotate_api_key', 'admin'],
    ['fn_revoke_api_key', 'admin'],
    ['fn_list_api_keys', 'admin'],
    ['fn_act_as', 'server'],
    ['fn_find_caller', 'server'],
    ['fn_sign_in', 'server'],
    ['fn_sign_out', 'server'],
    -- locks
    ['fn_acquire_lock', 'worker operator'],
    ['fn_extend_lock', 'worker operator'],
    ['fn_release_lock', 'worker operator'],
    ['fn_lock_token', 'worker operator'],
    ['fn_assert_lock', 'worker operator'],
    ['fn_cleanup_expired_locks', 'worker operator'],
    ['fn_list_locks', 'reader'],
    ['fn_idempotency_key', 'reader'],
    ['fn_idempotent', 'worker'],
    ['fn_idempotent_result', 'worker'],
    -- outbox
    ['fn_publish_outbox', 'producer'],
    ['fn_claim_outbox_events', 'worker'],
    ['fn_claim_outbox_deliveries', 'worker'],
    ['fn_extend_outbox_claims', 'worker'],
    ['fn_disown_outbox_events', 'worker'],
    ['fn_complete_outbox_event', 'worker'],
    ['fn_complete_outbox_events', 'worker'],
    ['fn_list_outbox', 'reader'],
    -- steps
    ['fn_register_worker', 'worker'],
    ['fn_unregister_worker', 'worker'],
    ['fn_claim_steps', 'worker'],
    ['fn_extend_leases', 'worker'],
    ['fn_assert_lease', 'worker'],
    ['fn_complete_step', 'worker'],
    ['fn_complete_steps', 'worker'],
    ['fn_fail_step', 'worker'],
    ['fn_fail_steps', 'worker'],
    ['fn_release_steps', 'worker'],
    ['fn_disown_steps', 'worker'],
    ['fn_recover_expired_leases', 'worker operator'],
    ['fn_recover_stale_steps', 'worker operator'],
    ['fn_missing_executors', 'reader'],
    ['fn_unoffered_executors', 'reader'],
    -- missions
    ['fn_cancel_mission', 'operator'],
    ['fn_retry_step', 'operator'],
    ['fn_resolve_step', 'operator'],
    ['fn_retry_steps', 'operator'],
    ['fn_resolve_steps', 'operator'],
    ['fn_cancel_missions', 'operator'],
    -- proposals
    ['fn_create_proposal', 'producer'],
    ['fn_create_proposals', 'producer'],
    ['fn_propose_for_step', 'worker'],
    ['fn_process_reactions', 'worker operator'],
    ['fn_gate_proposal', 'reader'],
    ['fn_approve_proposal', 'operator'],
    ['fn_break_glass', 'operator'],
    ['fn_review_break_glass', 'operator'],
    ['fn_list_break_glass', 'reader'],
    ['fn_grant', 'operator'],
    ['fn_revoke_grant', 'operator'],
    ['fn_list_grants', 'reader'],
    ['fn_agree_policy', 'operator'],
    ['fn_reject_proposal', 'operator'],
    ['fn_cast_vote', 'producer'],
    ['fn_withdraw_proposal', 'producer'],
    ['fn_list_budgets', 'reader'],
    -- replay
    ['fn_archive_dead_letter', 'worker operator'],
    ['fn_list_dead_letters', 'reader'],
    ['fn_group_failures', 'reader'],
    ['fn_record_replay', 'worker operator'],
    ['fn_redrive_dead_letter', 'operator'],
    ['fn_redrive_dead_letters', 'operator'],
    -- transitions
    ['fn_claim_directive', 'worker operator'],
    ['fn_release_directive', 'worker operator'],
    ['fn_atomic_transition', 'worker operator'],
    ['fn_atomic_lead_to_plan_transition', 'worker operator'],
    ['fn_atomic_plan_to_exec_transition', 'worker operator'],
    ['fn_atomic_exec_to_plan_transition', 'worker operator'],
    ['fn_atomic_plan_to_lead_transition', 'worker operator'],
    ['fn_execute_handoff', 'worker operator'],
    ['fn_evaluate_gates', 'reader'],
    ['fn_normalize_gate_result', 'reader'],
    ['fn_gate_threshold', 'reader'],
    ['fn_should_skip_gate', 'reader'],
    ['fn_should_skip_gates', 'reader'],
    ['fn_list_handoffs', 'reader'],
    ['fn_list_directives', 'reader'],
    ['fn_show_directive', 'reader'],
    -- subagents
    ['fn_orchestrate_sub_agents', 'worker operator'],
    ['fn_sub_agent_summary', 'reader'],
    ['fn_list_sub_agents', 'reader'],
    ['fn_store_sub_agent_result', 'worker'],
    -- schedules
    ['fn_set_schedule', 'admin'],
    ['fn_enable_schedule', 'admin'],
    ['fn_disable_schedule', 'admin'],
    ['fn_delete_schedule', 'admin'],
    ['fn_apply_schedules', 'admin'],
    ['fn_list_schedules', 'reader'],
    ['fn_list_schedule_ticks', 'reader'],
    ['fn_run_schedule', 'operator'],
    ['fn_backfill_schedule', 'operator'],
    -- retention
    ['fn_apply_retention', 'admin'],
    ['fn_purge', 'admin'],
    ['fn_list_purges', 'reader'],
    -- explain
    ['fn_explain_mission', 'reader'],
    ['fn_explain_step', 'reader'],
    ['fn_explain_proposal', 'reader'],
    ['fn_explain_cause', 'reader'],
    ['fn_explain_directive', 'reader'],
    ['fn_trail', 'reader'],
    ['fn_trace_context', 'worker'],
    ['fn_list_spans', 'worker'],
    ['fn_find_id', 'reader'],
    ['fn_whole_id', 'reader'],
    ['fn_show', 'reader'],
    ['fn_inbox', 'reader'],
    ['fn_dry_run_policy', 'reader'],
    ['fn_test_policy', 'reader'],
    ['fn_shadow_policy', 'admin'],
    ['fn_list_shadows', 'reader'],
    ['fn_shadow_decisions', 'reader'],
    ['fn_as_shown', 'operator'],
    ['fn_decide', 'operator'],
    -- ops
    ['fn_heartbeat', 'worker operator'],
    ['fn_fall_asleep', 'worker'],
    ['fn_after_restore', 'admin'],
    ['fn_upgrade_check', 'reader'],
    ['fn_capabilities', 'reader'],
    ['fn_compatibility', 'reader'],
    ['fn_health', 'reader'],
    ['fn_check_health', 'reader'],
    ['fn_metrics', 'reader'],
    ['fn_exposition', 'reader'],
    ['fn_check_invariants', 'reader'],
    ['fn_stats', 'reader'],
    ['fn_rates', 'reader'],
    ['fn_overview', 'reader'],
    ['fn_list_missions', 'reader'],
    ['fn_count_stuck', 'reader'],
    ['fn_list_steps', 'reader'],
    ['fn_mission_results', 'reader'],
    ['fn_list_running', 'reader'],
    ['fn_list_workers', 'reader'],
    ['fn_list_proposals', 'reader'],
    ['fn_radar_upsert', 'producer'],
    ['fn_list_radar', 'reader'],
    -- moves
    ['fn_begin_move', 'admin'],
    ['fn_close_move', 'admin'],
    ['fn_receive_move', 'admin'],
    ['fn_finish_move', 'admin'],
    ['fn_take_back_move', 'admin'],
    ['fn_show_move', 'reader']
  ];
  v_schema constant text := quote_ident(current_schema());
  v_names jsonb;
  v_ids oid[];
  v_all text;
  v_grantees text;
  v_do text;
begin
  select jsonb_object_agg(l.role, quote_ident(l.name)),
         array_agg(quote_ident(l.name)::regrole::oid order by quote_ident(l.name)::regrole::oid),
         string_agg(quote_ident(l.name), ', ')
    into v_names, v_ids, v_all
    from fn_list_roles() l
   where l.remedy is null;
  if v_names is null then
    return;
  end if;
  -- The logins of `opsloop serve`. The group is made by hand, where there are such logins beside the owner.
  if exists (select from pg_roles r where r.rolname = _role_name('server') and not r.rolcanlogin) then
    v_names := v_names || jsonb_build_object('server', quote_ident(_role_name('server')));
    if has_schema_privilege(current_schema(), 'usage with grant option') then
      execute format('grant usage on schema %s to %s', v_schema, v_names ->> 'server');
    end if;
  end if;

  if exists (select from unnest(v_ids) r where not has_schema_privilege(r, current_schema(), 'usage'))
     and has_schema_privilege(current_schema(), 'usage with grant option') then
    execute format('grant usage on schema %s to %s', v_schema, v_all);
  end if;

  for v_do in
    -- Rights that one of the five has on a table beyond reading it, whoever gave them.
    select distinct format('revoke all on %s from %s', c.oid::regclass, a.grantee::regrole)
      from pg_class c
     cross join lateral aclexplode(c.relacl) a
     where c.relnamespace = v_schema::regnamespace and c.relname = any (v_tables)
       and a.grantee = any (v_ids) and (a.privilege_type <> 'SELECT' or a.is_grantable)
  loop
    execute v_do;
  end loop;
  for v_do in
    select format('grant select on %s to %s', c.oid::regclass, v_all)
      from unnest(v_tables) with ordinality t (name, ord)
      join pg_class c on c.relnamespace = v_schema::regnamespace and c.relname = t.name
     where exists (select from unnest(v_ids) r
                    where not exists (select from aclexplode(c.relacl) a
                                      where a.grantee = r and a.privilege_type = 'SELECT'))
     order by t.ord
  loop
    execute v_do;
  end loop;
  -- Row level security is on for every table (loader/change_end.sql); this lets the five read.
  for v_do in
    select format(case when y.oid is null then 'create policy opsloop_read on %s for select to %s using (true)'
                       else 'alter policy opsloop_read on %s to %s' end, c.oid::regclass, v_all)
      from unnest(v_tables) with ordinality t (name, ord)
      join pg_class c on c.relnamespace = v_schema::regnamespace and c.relname = t.name and c.relkind in ('r', 'p')
      left join pg_policy y on y.polrelid = c.oid and y.polname = 'opsloop_read'
     where y.oid is null or not (y.polroles @> v_ids and y.polroles <@ v_ids)
     order by t.ord
  loop
    execute v_do;
  end loop;

  for v_nth in 1 .. array_length(v_functions, 1) loop
    select string_agg(distinct v_names ->> i.role, ', ')
      into v_grantees
      from string_to_table(v_functions[v_nth][2], ' ') n (role)
     cross join lateral unnest(_including_roles(n.role)) i (role);
    for v_do in
      select format('grant execute on routine %s to %s', p.oid::regprocedure, v_grantees)
        from pg_proc p
        join opsloop_routine r on r.name = p.proname and r.arg_types = oidvectortypes(p.proargtypes)
       where p.pronamespace = v_schema::regnamespace and p.proname = v_functions[v_nth][1]
         and v_grantees is not null
    loop
      execute v_do;
    end loop;
  end loop;
end;
$$;
