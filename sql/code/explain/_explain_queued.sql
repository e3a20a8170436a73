create or replace function _explain_queued(p_step ops_mission_steps, p_hold text, p_hold_code text, p_versions text)
returns table (reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- The reasons why a queued step waits, besides its turn: the time of its next try, and a person if the next claim would
-- park it. p_hold: why it would; p_versions: the versions of the policy documents that decide that.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_schema constant text := quote_ident(current_schema());
  v_retry constant text := format('select %s.fn_retry_step(%L);', v_schema, p_step.id);
begin
  if p_step.run_after is not null then
    reason := 'retry_timer';
    code := p_step.last_error_code;
    detail := format('failure %s of %s: %s; %s', p_step.failure_count, coalesce(p_step.max_retries, 3),
                     coalesce(p_step.last_error, 'no error is on record'),
                     case when p_step.run_after > v_now
                          then format('tried again at %s, in %s', date_trunc('second', p_step.run_after),
                                      date_trunc('second', _time_between(v_now, p_step.run_after)))
                          else format('due for %s, but no heartbeat has come',
                                      date_trunc('second', _time_between(p_step.run_after, v_now))) end);
    frees := case when p_step.run_after > v_now then v_retry else format('select %s.fn_heartbeat();', v_schema) end;
    return next;
  end if;
  if p_hold_code <> 'OPS_003' then
    reason := 'policy';
    code := p_hold_code;
    detail := format('the next claim will park it: %s (%s)', p_hold, p_versions);
    frees := v_retry;
    return next;
  end if;
end;
$$;
