create or replace function fn_recover_stale_steps(p_threshold_minutes integer default null)
returns table (recovered_steps integer)
language plpgsql
security definer
set search_path from current
as $$
-- The safety net below leases and timers, for rows changed by hand or restored from a backup. It takes back running
-- steps without a lease that did not change for p_threshold_minutes (default 15), adopts steps that were set to queued
-- by hand, hands steps to a person that wait for nothing on record, and makes missions follow from steps that were
-- deleted or ended by hand. Leases and retries that lie too far ahead, since the clock was set back, move back. Each
-- call looks at the next 20,000 steps and missions in id order; it returns how many steps it put to work. One on whose
-- data that fails is failed or set aside, and stops no other.
-- Locks: the sweep's turn, parked steps and steps, SKIP LOCKED; missions and steps of what it adopts. Writes:
-- ops_sweep, ops_mission_steps, ops_missions, ops_ready, ops_timers, ops_parked_steps, and what recovery writes.
-- Raises: OP018 for a threshold below 1.
declare
  v_now timestamptz := _now();
  v_stale interval := make_interval(mins => coalesce(p_threshold_minutes, 15));
  v_swept record;
  v_missions uuid[];
begin
  if coalesce(p_threshold_minutes, 15) < 1 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_threshold_minutes is %s', p_threshold_minutes),
      hint = 'Give at least 1 minute; the default is 15.';
  end if;
  select * into v_swept from _sweep_steps(v_now, v_stale, 20000);

  if v_swept.misdated is not null then
    perform _redate_steps(v_swept.misdated);
  end if;
  recovered_steps := 0;
  if v_swept.without_lease is not null then
    select r.requeued + r.failed + r.held into recovered_steps from _recover_each('stale', v_swept.without_lease) r;
  end if;
  if v_swept.without_timer is not null then
    insert into ops_timers (due_at, step_ids) values (v_now, v_swept.without_timer);
  end if;
  if v_swept.without_parking is not null then
    perform _recover_each('mend', v_swept.without_parking);
  end if;
  if v_swept.not_waiting is not null then
    perform _recover_each('unpark', v_swept.not_waiting);
  end if;
  if v_swept.hand_queued is not null then
    select recovered_steps + r.held into recovered_steps from _recover_each('adopt', v_swept.hand_queued) r;
  end if;
  if v_swept.interrupted is not null then
    perform _recover_each('interrupted', v_swept.interrupted);
  end if;
  v_missions := _sweep_missions(v_now, 20000);
  if v_missions is not null then
    perform _recover_each('missions', v_missions);
  end if;
  return next;
end;
$$;
comment on function fn_recover_stale_steps(integer) is
  'Takes back running steps that have no lease and that nobody touched for p_threshold_minutes (default 15), and '
  'adopts steps set to queued by hand (runbook: manual retry). Returns how many. Bounded: 20,000 steps a call, going '
  'on where the last call ended. OPS_018 for a threshold below 1.';
