create or replace function fn_extend_leases(
  p_worker_id text,
  p_leases jsonb default '[]',
  p_lease_seconds integer default null
)
returns table (step_id uuid, ok boolean, cancel_requested boolean, lease_expires_at timestamptz)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
-- Extends leases and keeps the progress that comes with them. Never waits: a step that another session is just ending
-- keeps the lease it has. No lease is extended past the deadline of its attempt, under a revoked token, or under an
-- older epoch: then ok is false, and the worker has to stop. The call also counts as the worker's sign of life.
-- When a batch fails on data, leases are extended one by one, and ok is false for a bad one. A batch of one raises.
-- Locks: the barrier of reports; steps and the worker's row, SKIP LOCKED. Writes: ops_mission_steps, ops_timers,
-- ops_workers. Raises: OP018, OP041.
declare
  v_now timestamptz;
  v_epoch integer;
  v_lease interval := make_interval(secs => _lease_seconds(p_lease_seconds, _policy('worker_policy')));
  v_locked uuid[];
  v_extended uuid[];
  v_report jsonb;
begin
  perform _check_reports(p_leases, 'p_leases');
  perform _pass_barrier('reports');
  begin
    perform _assert_readable('p_leases', p_leases);
    select c.epoch into v_epoch from ops_control c;
    select array_agg(l.id) into v_locked
      from (select s.id from ops_mission_steps s
             where s.id = any (array(select (e ->> 'step_id')::uuid from jsonb_array_elements(p_leases) e))
               and s.status = 'running'
             order by s.id
               for no key update skip locked) l;
    v_now := _now();
    -- A claim of the same worker may have the row, and wait: leases are not to run out meanwhile.
    update ops_workers w set last_seen_at = v_now
     where w.worker_id = (select k.worker_id from ops_workers k
                           where k.worker_id = p_worker_id and k.login = session_user
                             for no key update skip locked);

    with extended as (
      update ops_mission_steps s
         set lease_expires_at = least(v_now + v_lease, least(s.deadline_at, v_now + v_lease) + interval '5 seconds'),
             progress = coalesce(nullif(e.report -> 'progress', 'null'), s.progress), updated_at = v_now
        from jsonb_array_elements(p_leases) e (report)
       where s.id = (e.report ->> 'step_id')::uuid and s.lease_token = (e.report ->> 'lease_token')::uuid
         and s.id = any (v_locked) and s.status = 'running' and s.lease_epoch = v_epoch and s.deadline_at > v_now
      returning s.id, s.lease_expires_at
    ), timer as (
      insert into ops_timers (due_at, step_ids)
      select x.lease_expires_at, array_agg(x.id) from extended x group by x.lease_expires_at
    )
    select array_agg(x.id) into v_extended from extended x;

    return query
    select e.id, coalesce(s.lease_token = e.token and s.status = 'running' and s.lease_epoch = v_epoch
                          and (s.deadline_at > v_now or s.id = any (v_extended)), false),
           coalesce(s.cancel_requested, false), s.lease_expires_at
      from (select (r ->> 'step_id')::uuid as id, (r ->> 'lease_token')::uuid as token
              from jsonb_array_elements(p_leases) r) e
      -- Plans 1
      left join lateral (select t.* from ops_mission_steps t where t.id = e.id limit 1) s on true;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) or jsonb_array_length(p_leases) = 1 then
      raise;
    end if;
    for v_report in select r.report from _reports_apart(p_leases) r loop
      begin
        return query select * from fn_extend_leases(p_worker_id, jsonb_build_array(v_report), p_lease_seconds);
      exception when others or assert_failure then
        if not _is_data_fault(sqlstate) then
          raise;
        end if;
        return query select (v_report ->> 'step_id')::uuid, false, false, null::timestamptz;
      end;
    end loop;
  end;
end;
$$;
comment on function fn_extend_leases(text, jsonb, integer) is
  'Extends leases [{"step_id", "lease_token", "progress"}] by p_lease_seconds (default by policy, else 30), never '
  'past the deadline of the attempt. One row each: ok false means stop, the lease is lost or its time is over; '
  'cancel_requested means stop soon. Also the sign of life of the worker: call it with [] when idle. OPS_018 for a '
  'malformed batch.';
