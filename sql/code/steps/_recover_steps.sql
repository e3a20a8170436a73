create or replace function _recover_steps(p_step_ids uuid[], p_revoked_by text default 'the kill switch')
returns table (requeued integer, failed integer, held integer)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Takes running steps from workers that vanished, or whose lease a newer epoch made void; the latter are given back
-- with no failure counted. The callers choose the steps. A lease that no claim gave (a step set to running by hand: no
-- token, no end, or an end long after the deadline) is as good as run out. Missions of which another session has locked
-- a row, and steps that fn_assert_lease holds in an open transaction, are left for later. So are, for one lease after a
-- start of the server, leases of before it: their workers could not extend them, and may come back.
-- Locks: missions, then steps, SKIP LOCKED. Writes: ops_mission_steps, ops_action_runs, ops_counts, and what a parked
-- step and an end write. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_policy jsonb := _policy('worker_policy');
  v_missions uuid[];
  v_epoch integer := (select c.epoch from ops_control c);
  v_started timestamptz := pg_postmaster_start_time();
  v_grace interval := make_interval(secs => _lease_seconds(null, v_policy));
  v_void uuid[];
  v_lost uuid[];
  v_hold uuid[];
  v_revive uuid[];
begin
  requeued := 0;
  failed := 0;
  held := 0;
  v_missions := _lock_free_missions(p_step_ids);
  -- FOR UPDATE conflicts with the lock of fn_assert_lease: such steps are skipped.
  select array_agg(l.id) into v_lost
    from (select s.id from ops_mission_steps s
           where s.id = any (p_step_ids) and s.mission_id = any (v_missions)
             and s.status = 'running'
             and (s.lease_epoch < v_epoch or s.lease_token is null
                  or not _is_given_lease(s.lease_expires_at, s.deadline_at)
                  or (s.lease_expires_at <= v_now
                      and not (s.updated_at < v_started and v_now between v_started and v_started + v_grace)))
           order by s.id
             for update skip locked) l;
  if v_lost is null then
    return next;
    return;
  end if;
  -- A step set to running by hand, without a token or under an attempt that has ended: it gets an attempt of its own.
  -- Its mission may have ended, and comes back to life below.
  with made as (
    update ops_mission_steps s
       set attempt = s.attempt + 1, lease_token = gen_random_uuid(), worker_id = null, reserved_at = null
     where s.id = any (v_lost)
       and (s.lease_token is null or s.attempt = 0
            or exists (select from ops_action_runs r
                        where r.step_id = s.id and r.attempt = s.attempt and r.status <> 'fenced'))
    returning s.mission_id
  )
  select array_agg(distinct m.mission_id) into v_revive from made m;

  select array_agg(s.id) into v_void from ops_mission_steps s where s.id = any (v_lost) and s.lease_epoch < v_epoch;
  if v_void is not null then
    perform _give_back_steps(
              array_agg(s.id),
              array_agg(_on_lease_lost(s.executor, s.on_lease_lost, w.executors, v_policy) = 'hold'),
              array_agg('revoked by ' || p_revoked_by), null, 'lost', p_revoked_by || ' stopped %s')
       from ops_mission_steps s
       left join ops_workers w on w.worker_id = s.worker_id
      where s.id = any (v_void);
    select count(*) filter (where s.status = 'queued'), count(*) filter (where s.status = 'waiting')
      into requeued, held
      from ops_mission_steps s where s.id = any (v_void);
    v_lost := array(select l.id from unnest(v_lost) l (id) where l.id <> all (v_void));
  end if;
  perform _count('opsloop_steps_lost_total', cardinality(v_lost));

  select array_agg(s.id) into v_hold
    from ops_mission_steps s
    left join ops_workers w on w.worker_id = s.worker_id
   where s.id = any (v_lost) and not s.cancel_requested
     and _on_lease_lost(s.executor, s.on_lease_lost, w.executors, v_policy) = 'hold';
  if v_hold is not null then
    perform _give_back_steps(array_agg(h.id), array_agg(true), array_agg(text 'the lease ran out'),
                             array_agg(text 'OPS_010'), 'lost', '%s vanished')
       from unnest(v_hold) h (id);
    held := held + cardinality(v_hold);
    v_lost := array(select l.id from unnest(v_lost) l (id) where l.id <> all (v_hold));
  end if;

  if cardinality(v_lost) > 0 then
    perform _end_attempts(array_agg(s.id),
                          array_agg(format('OPS_010: the lease of worker %s ran out', coalesce(s.worker_id, '?'))),
                          array_agg(text 'OPS_010'), array_agg(true), array_agg(0::double precision), 'lost', v_now)
       from ops_mission_steps s
      where s.id = any (v_lost);
    update ops_mission_steps s set lease_token = null where s.id = any (v_lost);
    select requeued + count(*) filter (where s.status = 'queued'), count(*) filter (where s.status = 'failed')
      into requeued, failed
      from ops_mission_steps s where s.id = any (v_lost);
  end if;
  if v_revive is not null then
    perform _revive_missions(v_revive);
  end if;
  return next;
end;
$$;
