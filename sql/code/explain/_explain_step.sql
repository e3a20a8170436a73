create or replace function _explain_step(p_step_id uuid)
returns table (reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- Why a step is not running now, or who runs it: one row per reason, in the order in which their statements are to be
-- run. Which steps a blocked one waits for is in _explain_steps; here is what will keep it from starting then.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_schema constant text := quote_ident(current_schema());
  v_policy constant jsonb := _policy('worker_policy');
  v_versions constant text := (
    select string_agg(format('%s version %s', y.key, y.version), ', ' order by y.key)
      from ops_policy y where y.key in ('auto_approve', 'worker_policy'));
  v_retry constant text := format('select %s.fn_retry_step(%L);', v_schema, p_step_id);
  v_heartbeat constant text := format('select %s.fn_heartbeat();', v_schema);
  v_step ops_mission_steps;
  v_mission ops_missions;
  v_params jsonb;
  v_verdict record;
  v_barred record;
  v_workers text;
  v_pause record;
  v_parked ops_paused_steps;
  v_is_clear boolean := true;
  v_is_void boolean;
begin
  select * into v_step from ops_mission_steps s where s.id = p_step_id;
  select * into v_mission from ops_missions m where m.id = v_step.mission_id;
  select * into v_verdict from _claim_verdicts(array[p_step_id], -1, v_policy);
  -- As it would run: placeholders filled, but not yet what a preset makes of it.
  v_params := v_step.params;
  if v_step.slots is not null then
    select f.params into v_params
      from _fill_step(v_step.params, v_step.slots, _step_results(v_step.mission_id, v_step.slots)) f;
  end if;

  -- What nobody may run, whoever decides. Also where it ended: running it again would be refused.
  if v_verdict.hold like 'OPS_003:%' and v_step.status in ('queued', 'waiting', 'failed', 'cancelled') then
    v_is_clear := false;
    reason := 'policy';
    code := 'OPS_003';
    detail := format('nobody may run this: %s (%s)', substring(v_verdict.hold from 10), v_versions);
    frees := _unforbid_statement(array[v_step.executor], array[v_params], v_policy);
    return next;
  end if;

  case v_step.status
    when 'succeeded', 'skipped' then
      reason := 'ended';
      code := null;
      detail := format('%s at %s', v_step.status, date_trunc('second', v_step.updated_at));
      frees := null;
      return next;
      return;
    when 'failed' then
      reason := 'ended';
      code := substring(v_step.last_error from '^OPS_[0-9]{3}');
      detail := format('failed at %s, attempt %s: %s', date_trunc('second', v_step.updated_at), v_step.attempt, v_step.last_error);
      frees := v_retry;
      return next;
      return;
    when 'cancelled' then
      reason := 'ended';
      code := null;
      detail := coalesce(v_step.wait_reason, 'cancelled') || coalesce(': ' || v_mission.error, '');
      -- Where another step failed for good, retrying that one brings this one back.
      frees := coalesce((
        select format('select %s.fn_retry_step(%L);', v_schema, f.id)
          from ops_mission_steps f
         where f.mission_id = v_step.mission_id and f.status = 'failed' and f.on_failure = 'fail'
         order by f.position
         limit 1), v_retry);
      return next;
      return;
    when 'running' then
      reason := 'lease';
      v_is_void := v_step.lease_epoch < (select c.epoch from ops_control c);
      code := case when v_is_void then 'OPS_006'
                   when v_step.lease_expires_at is null or v_step.lease_expires_at <= v_now then 'OPS_010' end;
      detail := format('worker %s has run attempt %s since %s', coalesce(v_step.worker_id, '?'), v_step.attempt,
                       date_trunc('second', v_step.reserved_at))
        || coalesce((select format('; its last sign of life was %s ago', date_trunc('second', v_now - w.last_seen_at))
                       from ops_workers w where w.worker_id = v_step.worker_id), '; it never registered')
        || case
             when v_is_void then '; the kill switch has made its lease void, and the next heartbeat takes it back'
             when v_step.lease_expires_at is null then format('; no lease is on record since %s', date_trunc('second', v_step.updated_at))
             when v_step.lease_expires_at <= v_now then format('; its lease ran out %s ago', date_trunc('second', v_now - v_step.lease_expires_at))
             else format('; its lease holds for %s unless it is extended', date_trunc('second', v_step.lease_expires_at - v_now)) end
        || coalesce('; the attempt must be over at ' || date_trunc('second', v_step.deadline_at), '')
        || case when v_step.cancel_requested then '; it was asked to stop' else '' end;
      frees := case
        when v_is_void then v_heartbeat
        when v_step.lease_expires_at <= v_now then format('select * from %s.fn_recover_expired_leases();', v_schema)
        when v_step.lease_expires_at is null then format('select * from %s.fn_recover_stale_steps(1);', v_schema) end;
      return next;
      return;
    when 'waiting' then
      v_is_clear := false;
      select * into v_parked from ops_paused_steps p where p.step_id = p_step_id and v_step.wait_reason like 'paused: %';
      if found then
        if not exists (select from ops_pauses p where p.scope = v_parked.scope and p.target = v_parked.target) then
          reason := 'pause';
          code := null;
          detail := format('parked by the pause of %s, which is lifted; the next heartbeat puts it back',
                           concat_ws(' ', v_parked.scope, nullif(v_parked.target, '')));
          frees := v_heartbeat;
          return next;
        end if;
      else
        reason := 'hold';
        code := coalesce(substring(v_verdict.hold from '^OPS_[0-9]{3}'), substring(v_step.wait_reason from '^OPS_[0-9]{3}'));
        detail := format('%s%s; to say how it ended instead: select %s.fn_resolve_step(%L, ''succeeded''); or ''failed''',
                         coalesce(v_step.wait_reason, 'no reason is on record'),
                         case when v_verdict.hold not like 'OPS_003:%' and v_verdict.hold is distinct from v_step.wait_reason
                              then format(' (by now %s; %s)', v_verdict.hold, v_versions)
                              when v_verdict.hold is not null then format(' (%s)', v_versions) else '' end,
                         v_schema, p_step_id);
        frees := v_retry;
        return next;
      end if;
    when 'blocked' then
      v_is_clear := false;
    else
      -- queued
      if v_step.run_after is not null then
        v_is_clear := false;
        reason := 'retry_timer';
        code := substring(v_step.last_error from '^OPS_[0-9]{3}');
        detail := format('failure %s of %s: %s; %s', v_step.failure_count, coalesce(v_step.max_retries, 3),
                         coalesce(v_step.last_error, 'no error is on record'),
                         case when v_step.run_after > v_now
                              then format('tried again at %s, in %s', date_trunc('second', v_step.run_after),
                                          date_trunc('second', v_step.run_after - v_now))
                              else format('due for %s, but no heartbeat has come', date_trunc('second', v_now - v_step.run_after)) end);
        frees := case when v_step.run_after > v_now then v_retry else v_heartbeat end;
        return next;
      end if;
      if v_verdict.hold is not null and v_verdict.hold not like 'OPS_003:%' then
        v_is_clear := false;
        reason := 'policy';
        code := 'OPS_009';
        detail := format('the next claim will park it: %s (%s)', substring(v_verdict.hold from 10), v_versions);
        frees := v_retry;
        return next;
      end if;
  end case;

  -- What keeps any claim from it, whatever else it waits for.
  for v_pause in select * from _explain_pauses(p_step_id, v_params, v_policy) loop
    v_is_clear := false;
    reason := 'pause';
    code := null;
    detail := v_pause.detail;
    frees := v_pause.frees;
    return next;
  end loop;
  v_barred := _executor_blocked(v_step.executor, v_policy);
  if v_barred.rule is not null then
    v_is_clear := false;
    reason := 'policy';
    code := 'OPS_003';
    detail := format('no claim takes executor %s: worker_policy.%s (%s)', v_step.executor, v_barred.rule, v_versions);
    frees := _policy_statement('worker_policy', v_barred.changes);
    return next;
  end if;
  if not exists (select from ops_workers w
                  where w.stopped_at is null and w.last_seen_at > v_now - interval '1 minute' and w.executors ? v_step.executor) then
    v_is_clear := false;
    select string_agg(format('%s (%s)', w.worker_id, (select string_agg(e, ', ' order by e) from jsonb_object_keys(w.executors) e)), '; ')
      into v_workers
      from (select l.worker_id, l.executors from ops_workers l
             where l.stopped_at is null and l.last_seen_at > v_now - interval '1 minute'
             order by l.worker_id limit 5) w;
    reason := 'no_worker';
    code := 'OPS_005';
    detail := format('no live worker offers executor %s; %s; start one: opsloop worker --executors %s', v_step.executor,
                     coalesce('there are ' || v_workers, 'there is no live worker at all'), v_step.executor);
    frees := format('select * from %s.fn_missing_executors();', v_schema);
    return next;
  end if;

  if v_is_clear then
    reason := 'queue';
    code := null;
    frees := null;
    if exists (select from ops_ready r where r.lane = v_step.lane and r.seq = v_step.ready_seq and r.id = v_step.id) then
      detail := _place_in_line(v_step)
        || coalesce('; the claim will fail it: ' || v_verdict.fault, '');
    else
      detail := 'it was set to queued by hand; the next heartbeat puts it into the queue';
      frees := v_heartbeat;
    end if;
    return next;
  end if;
end;
$$;
