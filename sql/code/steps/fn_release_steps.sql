create or replace function fn_release_steps(p_worker_id text, p_leases jsonb, p_reason text default null)
returns table (step_id uuid, outcome text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
-- Gives leased steps back unfinished, at once and with no failure counted: for a worker that stops, or that has no such
-- executor (OPS_005). A step that had been started is treated as if its lease were lost, as it is unknown how far it
-- came: with on_lease_lost hold it waits for a person. A step that was asked to stop is cancelled instead. A stale
-- token changes nothing (OPS_006). When a batch fails on data, its steps are given back one by one: a bad one is
-- answered with the code of its error and keeps its lease. A batch of one raises. A step with wait_seconds is parked
-- for so long, a year at most, and then queued again.
-- Locks: the barrier of reports; missions, then all their steps, each in id order. Writes: ops_mission_steps,
-- ops_action_runs, ops_ready, ops_missions, and what a parked step writes. Raises: OP018.
declare
  v_epoch integer;
  v_held uuid[];
  v_unknowns boolean[];
  v_reasons text[];
  v_codes text[];
  v_waits double precision[];
  v_back uuid[];
  v_waiting uuid[];
  v_unknown uuid[];
  v_stopped uuid[];
  v_policy jsonb := _policy('worker_policy');
  v_report jsonb;
begin
  perform _check_reports(p_leases, 'p_leases');
  perform _pass_barrier('reports');
  begin
    perform _lock_missions_of(array_agg((e ->> 'step_id')::uuid)) from jsonb_array_elements(p_leases) e;
    select c.epoch into v_epoch from ops_control c;
    select array_agg(h.id), array_agg(h.unknown), array_agg(h.reason), array_agg(h.code),
           array_agg(h.wait), array_agg(h.id) filter (where h.cancel_requested),
           array_agg(h.id) filter (where not h.cancel_requested and h.unknown),
           array_agg(h.id) filter (where not h.cancel_requested and not h.unknown),
           array_agg(h.id) filter (where not h.cancel_requested and h.wait is not null)
      into v_held, v_unknowns, v_reasons, v_codes, v_waits, v_stopped, v_unknown, v_back, v_waiting
      -- A step that is named more than once is given back once, as started if any of its entries says so.
      from (select distinct on (s.id) s.id, s.cancel_requested, coalesce(e ->> 'reason', p_reason) as reason,
                   e ->> 'code' as code,
                   -- As retry_after_seconds in fn_fail_steps.
                   case when e ->> 'wait_seconds' is not null
                        then round(least(greatest((e ->> 'wait_seconds')::numeric, 0), 31536000), 6)::double precision
                   end as wait,
                   coalesce(e -> 'started' = 'true'
                            and _on_lease_lost(s.executor, s.on_lease_lost, w.executors, v_policy) = 'hold',
                              false) as unknown
              from jsonb_array_elements(p_leases) with ordinality l (e, ord)
             -- Plans 1
             cross join lateral (select t.* from ops_mission_steps t where t.id = (e ->> 'step_id')::uuid limit 1) s
              left join ops_workers w on w.worker_id = s.worker_id
             where s.lease_token = (e ->> 'lease_token')::uuid and s.status = 'running' and s.lease_epoch = v_epoch
             order by s.id, unknown desc, l.ord) h;
    if v_held is not null then
      perform _give_back_steps(v_held, v_unknowns, v_reasons, v_codes, 'released', 'stopped in the middle by %s',
                               v_waits);
    end if;

    return query
    select r.id,
           case when r.id = any (v_waiting) then 'waiting'
                when r.id = any (v_back) then 'queued' when r.id = any (v_unknown) then 'waiting'
                when r.id = any (v_stopped) then 'cancelled' else 'OPS_006' end
      from (select (e ->> 'step_id')::uuid as id from jsonb_array_elements(p_leases) e) r;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) or jsonb_array_length(p_leases) = 1 then
      raise;
    end if;
    -- All at once, in order: reports one by one must not wait for an earlier mission.
    perform _lock_missions_of(array_agg((e ->> 'step_id')::uuid)) from jsonb_array_elements(p_leases) e;
    for v_report in select r.report from _reports_apart(p_leases) r loop
      begin
        return query select * from fn_release_steps(p_worker_id, jsonb_build_array(v_report), p_reason);
      exception when others or assert_failure then
        if not _is_data_fault(sqlstate) then
          raise;
        end if;
        return query select (v_report ->> 'step_id')::uuid, _error_code(sqlstate);
      end;
    end loop;
  end;
end;
$$;
comment on function fn_release_steps(text, jsonb, text) is
  'Gives leased steps [{"step_id", "lease_token", "started", "reason", "code", "wait_seconds"}] back: queued again at '
  'once, or after so many seconds, for which it is waiting, no retry burnt; waiting when it was started and must not '
  'run twice unnoticed (on_lease_lost hold); cancelled when it was asked to stop; OPS_006 when the lease is lost. '
  'OPS_018 for a malformed batch.';
