create or replace function _retry_step(p_step_id uuid, p_actor text, p_decided boolean default false)
returns jsonb
language plpgsql
set search_path from current
as $$
-- The decision of a person to run a failed, cancelled or waiting step again, with all its tries; its mission comes back
-- to life, unless another step that failed for good keeps it failed (retry that one too, and both run). A queued step
-- that waits for its next try, and one that waits for its run_after, run now; a step of kind wait or mission waits
-- until it is resolved, or what it waits for comes. For a step that policy has parked, or that the next claim would
-- park, this is the approval of exactly what it would run now, which no login gives for its own proposal; where
-- approval_rules ask for more, it is refused, unless it was decided by them (p_decided). Returns what the audit log
-- keeps: {"mission_id", "was", "status", "approved_digest"}.
-- Locks: the mission, then its steps in id order. Writes: ops_mission_steps, ops_missions, ops_ready, ops_parked_steps,
-- ops_agent_events. Raises: OP012, OP083 unknown, OP014 not in a state to be retried, parked by a pause in force, or a
-- wait, OP003 what policy forbids to anybody, OP015 own proposal, OP082 a result that it needs is gone.
declare
  v_now timestamptz;
  v_step ops_mission_steps;
  v_verdict record;
  v_digest text;
  v_pause record;
  v_asked ops_mission_proposals;
  v_ask boolean := false;
  v_is_asked boolean;
begin
  perform _lock_mission((select s.mission_id from ops_mission_steps s where s.id = p_step_id));
  select * into v_step from ops_mission_steps where id = p_step_id;
  if not found then
    perform _raise_unknown('step', p_step_id);
  end if;
  select * into v_verdict from _claim_verdicts(array[v_step.id], -1, _policy('worker_policy'));
  if v_step.status not in ('failed', 'cancelled', 'waiting')
     and not (v_step.status = 'queued' and (v_step.run_after is not null or v_verdict.hold is not null)) then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: step %s is %s and cannot be retried', v_step.id, v_step.status),
      hint = 'Only a failed, cancelled or waiting step can be retried, and a queued one that waits for its next try. '
             || format('select * from fn_explain_step(%L); says what this one waits for.', v_step.id);
  end if;
  select p.scope, p.target into v_pause
    from ops_parked_steps w
    join ops_pauses p on p.scope = w.scope and p.target = w.target
   where w.step_id = v_step.id and w.waits_for = 'pause' and v_step.status = 'waiting';
  if found then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: step %s waits for a pause of %s %s to end', v_step.id, v_pause.scope, v_pause.target),
      detail = jsonb_build_object('step_id', v_step.id, 'scope', v_pause.scope, 'target', v_pause.target)::text,
      hint = format('select fn_resume(%L, %L); lifts the pause and queues it again.', v_pause.scope, v_pause.target);
  end if;
  if v_step.status = 'waiting'
     and exists (select from ops_parked_steps w where w.step_id = v_step.id and w.waits_for <> 'pause'
                   and w.scope in ('wait', 'mission', 'for_each')) then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: step %s waits, and there is nothing to be retried', v_step.id),
      detail = jsonb_build_object('step_id', v_step.id)::text,
      hint = format('select fn_resolve_step(%L, ''succeeded''); ends the wait.', v_step.id);
  end if;
  if v_verdict.hold_code = 'OPS_003' then
    raise exception using errcode = 'OP003', message = format('OPS_003: %s', v_verdict.hold),
      detail = jsonb_build_object('step_id', v_step.id)::text,
      hint = 'Nobody may run this under the policy in force; change worker_policy, or resolve the step.';
  end if;

  if v_verdict.hold_code = 'OPS_082' then
    raise exception using errcode = 'OP082', message = format('OPS_082: step %s %s', v_step.id, v_verdict.hold),
      detail = jsonb_build_object('step_id', v_step.id, 'mission_id', v_step.mission_id)::text,
      hint = 'Insert the row again from where it was archived, such as ops_mission_steps_archive, and retry; or say '
             || format('how this one ended: select fn_resolve_step(%L, ''succeeded''); or ''failed''.', v_step.id);
  end if;

  if v_verdict.hold is not null and not p_decided then
    perform _assert_may_decide_on(v_step.mission_id);
    -- Where rules ask for more than one decision, or the step is nothing but a decision, this is none.
    v_asked := _step_as_proposal(v_step.id);
    v_ask := _approval_state(v_asked, v_asked.risk_level) is not null;
    if v_step.status = 'waiting' and (v_ask or v_step.kind = 'approval') then
      raise exception using errcode = 'OP014',
        message = format('OPS_014: step %s waits for an approval, and is not run by one decision', v_step.id),
        hint = format('select * from fn_approve_proposal(%L); or fn_reject_proposal.', v_step.id);
    end if;
  end if;

  v_now := _now();
  v_digest := case when v_verdict.hold is not null and not v_ask and v_step.kind <> 'approval'
                   then v_verdict.digest else v_step.approved_digest end;
  if v_step.status = 'queued' and v_step.run_after is null then
    -- It keeps its row in ops_ready.
    update ops_mission_steps s set approved_digest = v_digest, updated_at = v_now where s.id = v_step.id;
  else
    perform _record_interrupted(array[v_step.id]);
    -- What waited for a person has its run_after still to come.
    v_is_asked := exists (select from ops_parked_steps w where w.step_id = v_step.id and w.waits_for = 'person');
    update ops_mission_steps s
       set status = 'blocked', wait_reason = null, run_after = null, failure_count = 0, lease_token = null,
           cancel_requested = false, updated_at = v_now,
           approved_digest = v_digest, on_turn = case when v_is_asked then s.on_turn else s.on_turn - 'run_after' end,
           last_error = case when s.status in ('failed', 'queued') then s.last_error end,
           last_error_code = case when s.status in ('failed', 'queued') then s.last_error_code end
     where s.id = v_step.id;
    perform _unpark_steps(array[v_step.id], v_is_asked);
    -- Queues it, unless its dependencies have not ended.
    perform _revive_missions(array[v_step.mission_id]);
  end if;
  perform _emit_loop_events(array['step:' || v_step.kind || ':retried'],
    array[_step_event(v_step.id, v_step.mission_id, v_step.key, v_step.kind, v_step.executor, v_step.attempt, null,
                      null)
          || jsonb_build_object('actor', coalesce(p_actor, _acting_login()), 'login', _acting_login())],
    array[v_step.mission_id], array[(select m.depth from ops_missions m where m.id = v_step.mission_id)],
    _acting_login());
  return jsonb_build_object('mission_id', v_step.mission_id, 'was', v_step.status,
                            'status', (select s.status from ops_mission_steps s where s.id = v_step.id),
                            'approved_digest', case when v_verdict.hold is not null then v_digest end);
end;
$$;
