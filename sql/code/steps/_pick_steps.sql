create or replace function _pick_steps(p_executors text[], p_limit integer, p_epoch integer, p_worker_policy jsonb)
returns table (
  taken uuid[],
  run uuid[],
  missions uuid[],
  executors jsonb,
  params jsonb,
  faults jsonb,
  holds jsonb
)
language plpgsql
set search_path from current
as $$
-- For a claim: takes steps out of the queue until p_limit of them may run, and judges those that are not as the gate
-- saw them. taken: all in their order; run, with their missions and executors (as keys): those that may; params: what
-- the judged ones run with, by id; faults and holds: why the others may not, by id. What may not run, or is gone, must
-- not hide what lies behind it: up to ten more takes make up for it.
-- Locks: ops_ready, SKIP LOCKED. Writes: ops_ready. Raises: nothing.
declare
  v_more uuid[];
  v_run uuid[];
  v_missions uuid[];
  v_executors jsonb;
  v_special uuid[];
  v_verdicts record;
begin
  taken := '{}'::uuid[];
  run := '{}'::uuid[];
  missions := '{}'::uuid[];
  executors := '{}'::jsonb;
  params := '{}'::jsonb;
  faults := '{}'::jsonb;
  holds := '{}'::jsonb;
  for v_round in 1..10 loop
    v_more := _take_steps(p_executors, p_limit - cardinality(run), p_worker_policy);
    taken := taken || v_more;

    -- Hand-queued and deleted steps may have left rows behind: only what is queued now is claimed.
    select array_agg(s.id), array_agg(distinct s.mission_id), jsonb_object_agg(s.executor, null),
           array_agg(s.id) filter (where s.slots is not null or s.judged_epoch is distinct from p_epoch
                                      or p_worker_policy -> 'presets' ? s.executor)
      into v_run, v_missions, v_executors, v_special
      from ops_mission_steps s
     where s.id = any (v_more) and s.status = 'queued';
    if v_special is not null then
      select array_agg(v.step_id) filter (where v.fault is not null or v.hold is not null) as bad,
             jsonb_object_agg(v.step_id, v.fault) filter (where v.fault is not null) as faults,
             jsonb_object_agg(v.step_id, v.hold) filter (where v.fault is null and v.hold is not null) as holds,
             jsonb_object_agg(v.step_id, jsonb_build_object('params', v.params, 'run_with', v.run_with))
               filter (where v.fault is null and v.hold is null) as params
        into v_verdicts
        from _claim_verdicts(v_special, p_epoch, p_worker_policy) v;
      faults := faults || coalesce(v_verdicts.faults, '{}');
      holds := holds || coalesce(v_verdicts.holds, '{}');
      params := params || coalesce(v_verdicts.params, '{}');
      if v_verdicts.bad is not null then
        select array_agg(s.id), array_agg(distinct s.mission_id), jsonb_object_agg(s.executor, null)
          into v_run, v_missions, v_executors
          from ops_mission_steps s
         where s.id = any (v_run) and not (faults ? s.id::text or holds ? s.id::text);
      end if;
    end if;
    run := run || coalesce(v_run, '{}');
    missions := missions || coalesce(v_missions, '{}');
    executors := executors || coalesce(v_executors, '{}');
    exit when coalesce(cardinality(v_run), 0) = cardinality(v_more);
  end loop;
  return next;
end;
$$;
