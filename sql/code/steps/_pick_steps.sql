create or replace function _pick_steps(p_executors text[], p_limit integer, p_generation integer, p_worker_policy jsonb, p_pauses boolean)
returns table (
  run uuid[],
  executors text[],
  missions uuid[],
  params jsonb,
  faults jsonb,
  holds jsonb,
  paused uuid[],
  scopes text[],
  targets text[]
)
language plpgsql
set search_path from current
as $$
-- For a claim: takes steps out of the queue until p_limit of them may run, and judges those that are not as the gate
-- saw them. run: those that may, with the executor of each, and their missions; params: what the judged ones run with,
-- by id; faults and holds: why the others may not, {"code", "reason"} by id; paused: those that a pause covers which
-- parks (looked for if p_pauses), with its scope and target. What may not run, or is gone, must not hide what lies
-- behind it: up to ten more takes make up for it.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready, marks of lanes. Raises: nothing.
declare
  v_more uuid[];
  v_run uuid[];
  v_executors text[];
  v_missions uuid[];
  v_special uuid[];
  v_verdicts record;
  v_paused uuid[];
  v_scopes text[];
  v_targets text[];
begin
  run := '{}'::uuid[];
  executors := '{}'::text[];
  missions := '{}'::uuid[];
  params := '{}'::jsonb;
  faults := '{}'::jsonb;
  holds := '{}'::jsonb;
  paused := '{}'::uuid[];
  scopes := '{}'::text[];
  targets := '{}'::text[];
  for v_round in 1..10 loop
    v_more := _take_steps(p_executors, p_limit - cardinality(run), p_worker_policy);

    -- Hand-queued and deleted steps may have left rows behind: only what is queued now is claimed.
    select array_agg(s.id), array_agg(s.executor), array_agg(s.mission_id),
           array_agg(s.id) filter (where s.slots is not null or s.judged_generation is distinct from p_generation
                                      or p_worker_policy -> 'presets' ? s.executor)
      into v_run, v_executors, v_missions, v_special
      from ops_mission_steps s
     where s.id = any (v_more) and s.status = 'queued';
    if v_special is not null then
      select array_agg(v.step_id) filter (where v.fault is not null or v.hold is not null) as bad,
             jsonb_object_agg(v.step_id, jsonb_build_object('code', v.fault_code, 'reason', v.fault))
               filter (where v.fault is not null) as faults,
             jsonb_object_agg(v.step_id, jsonb_build_object('code', v.hold_code, 'reason', v.hold))
               filter (where v.fault is null and v.hold is not null) as holds,
             jsonb_object_agg(v.step_id, jsonb_build_object('params', v.params, 'run_with', v.run_with, 'role', v.role))
               filter (where v.fault is null and v.hold is null) as params
        into v_verdicts
        from _claim_verdicts(v_special, p_generation, p_worker_policy) v;
      faults := faults || coalesce(v_verdicts.faults, '{}');
      holds := holds || coalesce(v_verdicts.holds, '{}');
      params := params || coalesce(v_verdicts.params, '{}');
      if v_verdicts.bad is not null then
        select array_agg(n.id), array_agg(n.executor), array_agg(n.mission_id) into v_run, v_executors, v_missions
          from unnest(v_run, v_executors, v_missions) n (id, executor, mission_id)
         where n.id <> all (v_verdicts.bad);
      end if;
    end if;
    if p_pauses and v_run is not null then
      select array_agg(c.step_id), array_agg(c.scope), array_agg(c.target) into v_paused, v_scopes, v_targets
        from _parking_pauses(v_run, params) c;
      if v_paused is not null then
        paused := paused || v_paused;
        scopes := scopes || v_scopes;
        targets := targets || v_targets;
        select array_agg(n.id), array_agg(n.executor), array_agg(n.mission_id) into v_run, v_executors, v_missions
          from unnest(v_run, v_executors, v_missions) n (id, executor, mission_id)
         where n.id <> all (v_paused);
      end if;
    end if;
    run := run || coalesce(v_run, '{}');
    executors := executors || coalesce(v_executors, '{}');
    missions := missions || coalesce(v_missions, '{}');
    exit when coalesce(cardinality(v_run), 0) = cardinality(v_more);
  end loop;
  return next;
end;
$$;
