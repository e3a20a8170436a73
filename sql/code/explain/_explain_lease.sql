create or replace function _explain_lease(p_step ops_mission_steps)
returns table (reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- Which worker runs a step, and how long its lease holds; where it does not hold, the statement that takes the step
-- back.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_schema constant text := quote_ident(current_schema());
begin
  reason := 'lease';
  detail := format('worker %s has run attempt %s since %s', coalesce(p_step.worker_id, '?'), p_step.attempt,
                   date_trunc('second', p_step.reserved_at))
    || coalesce((select format('; its last sign of life was %s ago',
                               date_trunc('second', _time_between(w.last_seen_at, v_now)))
                   from ops_workers w where w.worker_id = p_step.worker_id), '; it never registered');
  if p_step.lease_epoch < (select c.epoch from ops_control c) then
    code := 'OPS_006';
    detail := detail || '; the kill switch has made its lease void, and the next heartbeat takes it back';
    frees := format('select %s.fn_heartbeat();', v_schema);
  elsif p_step.lease_expires_at is null then
    code := 'OPS_010';
    detail := detail || format('; no lease is on record since %s', date_trunc('second', p_step.updated_at));
    frees := format('select * from %s.fn_recover_stale_steps(1);', v_schema);
  elsif p_step.lease_expires_at <= v_now then
    code := 'OPS_010';
    detail := detail || format('; its lease ran out %s ago',
                               date_trunc('second', _time_between(p_step.lease_expires_at, v_now)));
    frees := format('select * from %s.fn_recover_expired_leases();', v_schema);
  else
    detail := detail || format('; its lease holds for %s unless it is extended',
                               date_trunc('second', _time_between(v_now, p_step.lease_expires_at)));
  end if;
  detail := detail || coalesce('; the attempt must be over at ' || date_trunc('second', p_step.deadline_at)::text, '')
                   || case when p_step.cancel_requested then '; it was asked to stop' else '' end;
  return next;
end;
$$;
