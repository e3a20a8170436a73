create or replace function _explain_step(p_step_id uuid)
returns table (reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- Why a step is not running now, or which worker runs it: one row for each reason, in the order in which their
-- statements are to be run. Which steps a blocked step waits for is in _explain_steps; here is what will keep it from
-- starting then.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_policy constant jsonb := _policy('worker_policy');
  v_versions constant text := _policy_versions(array['auto_approve', 'worker_policy']);
  v_step ops_mission_steps;
  v_verdict record;
  v_params jsonb;
  v_is_clear boolean := true;
begin
  select * into v_step from ops_mission_steps s where s.id = p_step_id;
  select * into v_verdict from _claim_verdicts(array[p_step_id], -1, v_policy);
  -- Its params with placeholders filled, the preset not yet expanded.
  v_params := v_step.params;
  if v_step.slots is not null then
    select f.params into v_params
      from _fill_step(v_step.params, v_step.slots, _step_results(v_step.mission_id, v_step.slots)) f;
  end if;

  -- Forbidden to everybody. Told of an ended step too: its retry would be refused.
  if v_verdict.hold_code = 'OPS_003' and v_step.status in ('queued', 'waiting', 'failed', 'cancelled') then
    v_is_clear := false;
    reason := 'policy';
    code := 'OPS_003';
    detail := format('nobody may run this: %s (%s)', v_verdict.hold, v_versions);
    frees := _unforbid_statement(array[v_step.executor], array[v_params], v_policy);
    return next;
  end if;

  case v_step.status
    when 'running' then
      return query select * from _explain_lease(v_step);
      return;
    when 'waiting' then
      v_is_clear := false;
      return query select * from _explain_parking(v_step, v_verdict.hold, v_verdict.hold_code, v_versions);
    when 'queued' then
      return query select * from _explain_queued(v_step, v_verdict.hold, v_verdict.hold_code, v_versions);
      v_is_clear := v_is_clear and not found;
    when 'blocked' then
      v_is_clear := false;
    else
      return query select * from _explain_end(v_step);
      return;
  end case;
  return query select * from _explain_closed(v_step, v_params, v_policy, v_versions);
  v_is_clear := v_is_clear and not found;

  if v_is_clear then
    reason := 'queue';
    code := null;
    frees := null;
    if exists (select from ops_ready r
               where r.lane = v_step.lane and r.seq = v_step.ready_seq and r.id = v_step.id) then
      detail := _place_in_line(v_step) || coalesce('; the claim will fail it: ' || v_verdict.fault, '');
    else
      detail := 'it was set to queued by hand; the next heartbeat puts it into the queue';
      frees := format('select %I.fn_heartbeat();', current_schema());
    end if;
    return next;
  end if;
end;
$$;
