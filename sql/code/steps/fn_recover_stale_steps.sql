create or replace function fn_recover_stale_steps(p_threshold_minutes integer default null)
returns table (recovered_steps integer)
language plpgsql
security definer
set search_path from current
as $$
-- The safety net below leases and timers, for rows changed by hand or restored from a backup: takes back running steps
-- without a lease that nobody touched for p_threshold_minutes (default 15), and adopts steps that were set to queued by
-- hand, or parked by a pause that forgot them. Looks at the next 20,000 steps in id order and goes on there at the next
-- call; returns how many it put to work.
-- Locks: the sweep's turn and steps, SKIP LOCKED; missions and steps of what it adopts. Writes: ops_sweep, ops_mission_steps,
-- ops_missions, ops_ready, ops_paused_steps, ops_waiting_steps, and what recovery writes. Raises: OP018 for a threshold below 1.
declare
  v_now timestamptz := _now();
  v_stale interval := make_interval(mins => coalesce(p_threshold_minutes, 15));
  v_adopt uuid[];
  v_lost uuid[];
  v_timeless uuid[];
  v_forgotten uuid[];
  v_unseen uuid[];
begin
  if coalesce(p_threshold_minutes, 15) < 1 then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_threshold_minutes is %s', p_threshold_minutes),
      hint = 'Give at least 1 minute; the default is 15.';
  end if;
  select w.adopt, w.lost, w.timeless, w.forgotten, w.unseen into v_adopt, v_lost, v_timeless, v_forgotten, v_unseen
    from _sweep_steps(v_now, v_stale, 20000) w;

  recovered_steps := 0;
  if v_lost is not null then
    select r.requeued + r.failed + r.held into recovered_steps from _recover_steps(v_lost) r;
  end if;
  if v_timeless is not null then
    insert into ops_timers (due_at, step_ids) values (v_now, v_timeless);
  end if;
  if v_forgotten is not null then
    -- As if its mission had been paused: the heartbeat puts it back, or leaves it to the pause that covers it.
    insert into ops_paused_steps (step_id, scope, target, parked_at)
    select s.id, 'mission', s.mission_id, v_now from ops_mission_steps s where s.id = any (v_forgotten)
    on conflict (step_id) do nothing;
  end if;
  if v_unseen is not null then
    insert into ops_waiting_steps (step_id, since)
    select s.id, s.updated_at from ops_mission_steps s where s.id = any (v_unseen)
    on conflict (step_id) do nothing;
  end if;
  -- Steps that were deleted or put back by hand do not stay in front of the inbox.
  delete from ops_waiting_steps w
   where w.step_id = any (array(select o.step_id from ops_waiting_steps o order by o.since, o.step_id limit 100))
     and (select s.status from ops_mission_steps s where s.id = w.step_id) is distinct from 'waiting';
  if v_adopt is not null then
    recovered_steps := recovered_steps + _adopt_steps(v_adopt);
  end if;
  return next;
end;
$$;
comment on function fn_recover_stale_steps(integer) is
  'Takes back running steps that have no lease and that nobody touched for p_threshold_minutes (default 15), and '
  'adopts steps set to queued by hand (runbook: manual retry). Returns how many. Bounded: 20,000 steps a call, going '
  'on where the last call ended. OPS_018 for a threshold below 1.';
