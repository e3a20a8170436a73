create or replace function _fail_alone(p_step_id uuid, p_code text, p_error text)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Fails for good the one step on whose data a batch failed; the caller holds the locks of its mission and of all steps
-- of that mission. Where even that fails on its data (a row too large for a dead letter, for example), the dead letter
-- has the ids alone and the step's own event is left out. A row that cannot be changed at all is set aside: it
-- must not stop the others.
-- Locks: none of its own. Writes: what _fail_for_good writes, or ops_strays. Raises: errors not caused by the data.
declare
  v_step record;
  v_message text;
begin
  begin
    perform _fail_for_good(array[p_step_id], array[p_error], array[p_code]);
    perform _unpark_steps(array[p_step_id]);
    return;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
  end;

  select s.id, s.mission_id, s.key, s.attempt into v_step from ops_mission_steps s where s.id = p_step_id;
  begin
    update ops_mission_steps s
       set status = 'failed', last_error = p_error, last_error_code = p_code,
           lease_expires_at = null, run_after = null, wait_reason = null, updated_at = _now()
     where s.id = p_step_id;
    perform _archive_dead_letters(
      'step', array[format('step:%s:%s', v_step.id, v_step.attempt)], array[v_step.id::text],
      array[jsonb_build_object('id', v_step.id, 'mission_id', v_step.mission_id, 'key', v_step.key,
                               'attempt', v_step.attempt)],
      array[p_error], array[v_step.attempt]);
    perform _unpark_steps(array[p_step_id]);
    perform _settle_missions(array[v_step.mission_id]);
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
    get stacked diagnostics v_message = message_text;
    perform _set_aside('ops_mission_steps', p_step_id, p_step_id::text, sqlstate, v_message);
  end;
end;
$$;
