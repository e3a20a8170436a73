create or replace function _prepare_special(
  p_run uuid[],
  p_special uuid[],
  p_epoch integer,
  p_worker_policy jsonb
)
returns table (run uuid[], params jsonb)
language plpgsql
set search_path from current
set enable_seqscan = off
as $$
-- For a claim: renders and judges the steps that are not as the gate saw them. Returns what of p_run may run, and the
-- params and implementation by step id. What may not run is parked or failed here, missions locked before steps.
-- Locks: when something is parked or failed, the missions of all of p_run, then their steps. Writes: ops_mission_steps, and what a failed step writes.
-- Raises: nothing.
declare
  v_now timestamptz := _now();
  v_bad uuid[];
  v_faults jsonb;
  v_holds jsonb;
begin
  select array_agg(v.step_id) filter (where v.fault is not null or v.hold is not null),
         jsonb_object_agg(v.step_id, v.fault) filter (where v.fault is not null),
         jsonb_object_agg(v.step_id, v.hold) filter (where v.fault is null and v.hold is not null),
         coalesce(jsonb_object_agg(v.step_id, jsonb_build_object('params', v.params, 'run_with', v.run_with))
                    filter (where v.fault is null and v.hold is null), '{}')
    into v_bad, v_faults, v_holds, params
    from _claim_verdicts(p_special, p_epoch, p_worker_policy) v;
  if v_bad is null then
    run := p_run;
    return next;
    return;
  end if;

  -- All of them and not only the bad: the caller locks the others next, and must not wait for an earlier mission then.
  perform _lock_missions_of(p_run);
  update ops_mission_steps s
     set status = 'waiting', wait_reason = h.value, updated_at = v_now
    from jsonb_each_text(v_holds) h
   where s.id = h.key::uuid and s.status = 'queued';
  if v_faults is not null then
    perform _fail_for_good(array_agg(s.id), array_agg('OPS_004: ' || f.value))
       from jsonb_each_text(v_faults) f
       join ops_mission_steps s on s.id = f.key::uuid and s.status = 'queued';
  end if;
  select array_agg(r.id) into run from unnest(p_run) r (id) where r.id <> all (v_bad);
  return next;
end;
$$;
