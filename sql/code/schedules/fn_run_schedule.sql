create or replace function fn_run_schedule(p_name text, p_actor text default null, p_reason text default null)
returns table (tick timestamptz, outcome text, code text, reason text, event_id uuid, proposal_id uuid)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- A tick at once, whatever its times, overlap and enabled say. It counts as asked for by this login: its proposal is
-- one that the login may not decide on. An event or proposal that is refused raises its own error.
-- Locks: the schedule; those of emitting and proposing. Writes: ops_schedule_ticks, ops_schedules, ops_audit_log, and
-- what a tick writes. Raises: OP025, OP028 while it is paused, OP031, and what emitting and proposing raise.
declare
  v_schedule constant ops_schedules := _lock_schedule(p_name);
  v_now timestamptz := _now();
begin
  perform _assert_not_paused(p_name);
  -- The very moment of another tick would be that tick.
  while exists (select from ops_schedule_ticks t where t.schedule = p_name and t.tick = v_now) loop
    v_now := v_now + interval '1 microsecond';
  end loop;
  perform _store_tick(v_schedule, v_now, 'run', _acting_login(), _fire_tick(v_schedule, v_now, _acting_login()));
  perform _audit('run_schedule', 'schedule', p_name, p_actor, p_reason, jsonb_build_object('tick', v_now));
  return query
  select t.tick, t.outcome, t.code, t.reason, t.event_id, t.proposal_id
    from ops_schedule_ticks t where t.schedule = p_name and t.tick = v_now;
end;
$$;
comment on function fn_run_schedule(text, text, text) is
  'Lets a schedule tick once, now, as p_actor (default: the login), also when it is disabled; the login may not decide '
  'on the proposal. Returns what came of it. OPS_025 unknown, OPS_028 paused; OPS_004, OPS_019 or OPS_045 when it '
  'cannot be emitted or proposed.';
