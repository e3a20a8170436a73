create or replace function fn_release_steps(p_worker_id text, p_leases jsonb, p_reason text default null)
returns table (step_id uuid, outcome text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
-- Gives leased steps back unfinished, at once and without a failure counted: a worker that stops, or that has no such
-- executor (OPS_005). One that had been started is treated as if its lease were lost, since nobody knows how far it came:
-- with on_lease_lost hold it waits for a person. A step asked to stop is cancelled instead. A stale token changes
-- nothing (OPS_006).
-- Locks: missions, then all their steps, each in id order. Writes: ops_mission_steps, ops_action_runs, ops_ready,
-- ops_missions, and what a parked step writes. Raises: OP018.
declare
  v_now timestamptz;
  v_held uuid[];
  v_back uuid[];
  v_unknown uuid[];
  v_stopped uuid[];
  v_policy jsonb := _policy('worker_policy');
begin
  perform _check_reports(p_leases, 'p_leases');
  perform _lock_missions_of(array_agg((e ->> 'step_id')::uuid)) from jsonb_array_elements(p_leases) e;
  v_now := _now();
  with held as materialized (
    select s.id, s.cancel_requested,
           e -> 'started' = 'true' and _on_lease_lost(s.executor, s.on_lease_lost, w.executors, v_policy) = 'hold' as unknown
      from ops_mission_steps s
      join jsonb_array_elements(p_leases) e
        on s.id = (e ->> 'step_id')::uuid and s.lease_token = (e ->> 'lease_token')::uuid
      left join ops_workers w on w.worker_id = s.worker_id
     where s.status = 'running'
  )
  select array_agg(h.id), array_agg(h.id) filter (where h.cancel_requested),
         array_agg(h.id) filter (where not h.cancel_requested and h.unknown),
         array_agg(h.id) filter (where not h.cancel_requested and h.unknown is not true)
    into v_held, v_stopped, v_unknown, v_back
    from held h;

  if v_held is not null then
    insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at, error)
    select _uuid_v7(), s.lease_token, s.id, s.executor, s.worker_id, s.attempt,
           case when s.cancel_requested then 'cancelled' else 'released' end, s.reserved_at, v_now,
           coalesce(e ->> 'reason', p_reason)
      from ops_mission_steps s
      join jsonb_array_elements(p_leases) e
        on s.id = (e ->> 'step_id')::uuid and s.lease_token = (e ->> 'lease_token')::uuid
     where s.id = any (v_held);
    update ops_mission_steps s
       set status = case when s.cancel_requested then 'cancelled' when s.id = any (v_unknown) then 'waiting' else 'queued' end,
           wait_reason = case when s.id = any (v_unknown) and not s.cancel_requested
                              then 'OPS_010: outcome unknown: stopped in the middle by worker ' || coalesce(s.worker_id, '?')
                                   || '; retry it or resolve it' end,
           lease_token = null, lease_expires_at = null, updated_at = v_now
     where s.id = any (v_held);
    if v_back is not null then
      perform _enqueue_steps(v_back);
    end if;
    if v_unknown is not null then
      perform _note_waiting(v_unknown);
    end if;
    if v_stopped is not null then
      perform _settle_missions(array_agg(distinct s.mission_id)) from ops_mission_steps s where s.id = any (v_stopped);
    end if;
  end if;

  return query
  select r.id,
         case when r.id = any (v_back) then 'queued' when r.id = any (v_unknown) then 'waiting'
              when r.id = any (v_stopped) then 'cancelled' else 'OPS_006' end
    from (select (e ->> 'step_id')::uuid as id from jsonb_array_elements(p_leases) e) r;
end;
$$;
comment on function fn_release_steps(text, jsonb, text) is
  'Gives leased steps [{"step_id", "lease_token", "started", "reason"}] back: queued again at once, no retry burnt; waiting when it was started and must not run twice unnoticed (on_lease_lost hold); cancelled when it was asked to stop; OPS_006 when the lease is lost. OPS_018 for a malformed batch.';
