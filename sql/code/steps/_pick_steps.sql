create or replace function _pick_steps(p_executors text[], p_limit integer, p_generation integer, p_worker_policy jsonb,
                                       p_pauses boolean)
returns table (
  run uuid[],
  executors text[],
  missions uuid[],
  params jsonb,
  faults jsonb,
  holds jsonb,
  paused uuid[],
  scopes text[],
  targets text[],
  later uuid[],
  held uuid[]
)
language plpgsql
set search_path from current
as $$
-- For a claim: takes steps out of the queue until p_limit of them may run, and judges those that differ from what the
-- gate judged. run: the steps that may run, with the executor and the mission of each; params: what the judged ones run
-- with, by id; faults and holds: why others may not, {"code", "reason"} by id; paused: steps that a pause covers which
-- parks (only with p_pauses), with its scope and target. Steps that may not run, or are gone, must not hide the steps
-- behind them: up to ten takes make up for them. later: steps too many, in bytes, to be rendered or told in one
-- claim; they are to be queued again. held: steps that a claim would have to wait for (_held_steps), or that cannot be
-- refused as somebody holds their mission or one of its steps; they are to be put back. The missions of the refused
-- ones are locked.
-- Locks: ops_ready, missions and steps, SKIP LOCKED. Writes: ops_ready, marks of lanes. Raises: errors not caused by
-- the data.
declare
  c_enough constant bigint := 32 * 1024 * 1024;
  v_more uuid[];
  v_large boolean;
  v_locked boolean;
  v_later uuid[];
  v_run uuid[];
  v_executors text[];
  v_missions uuid[];
  v_special uuid[];
  v_held uuid[];
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
  later := '{}'::uuid[];
  held := '{}'::uuid[];
  for v_round in 1..10 loop
    v_more := _take_steps(p_executors, p_limit - cardinality(run), p_worker_policy);

    -- A row may be left of a step that was changed or deleted by hand: only steps that are queued now are claimed.
    select array_agg(s.id), array_agg(s.executor), array_agg(s.mission_id),
           array_agg(s.id) filter (where s.slots is not null or s.judged_generation is distinct from p_generation
                                      or p_worker_policy -> 'presets' ? s.executor),
           -- A compressed value may be a hundred times as large.
           sum(pg_column_size(s.params)) > c_enough / 100,
           -- A row that nobody has locked since it was written has xmax 0. The claim locks missions that are to begin,
           -- and those of steps that it may have to refuse.
           bool_or(s.xmax <> '0'::xid
                   or (m.xmax <> '0'::xid
                       and (m.status = 'approved' or s.slots is not null or p_worker_policy -> 'presets' ? s.executor
                            or s.judged_generation is distinct from p_generation)))
      into v_run, v_executors, v_missions, v_special, v_large, v_locked
      from ops_mission_steps s
      -- Plans 1
      left join lateral (select n.status, n.xmax from ops_missions n where n.id = s.mission_id limit 1) m on true
     where s.id = any (v_more) and s.status = 'queued';
    if v_large then
      v_later := _too_many_steps(v_more, c_enough);
      if v_later is not null then
        later := v_later;
        v_special := array(select n.id from unnest(v_special) n (id) where n.id <> all (v_later));
        select array_agg(n.id), array_agg(n.executor), array_agg(n.mission_id) into v_run, v_executors, v_missions
          from unnest(v_run, v_executors, v_missions) n (id, executor, mission_id)
         where n.id <> all (v_later);
      end if;
    end if;
    v_held := case when v_locked then _held_steps(v_run, v_special) else '{}' end;
    if v_held <> '{}' then
      held := held || v_held;
      v_special := nullif(array(select u from unnest(v_special) u where u <> all (v_held)), '{}');
      select array_agg(n.id), array_agg(n.executor), array_agg(n.mission_id) into v_run, v_executors, v_missions
        from unnest(v_run, v_executors, v_missions) n (id, executor, mission_id)
       where n.id <> all (v_held);
    end if;
    if v_special <> '{}' then
      select * into v_verdicts from _judge_picked(v_special, p_generation, p_worker_policy);
      if v_verdicts.bad <> '{}' then
        select coalesce(array_agg(s.id) filter (where s.mission_id <> all (f.missions)), '{}') into v_held
          from (select _lock_free_missions(v_verdicts.bad) as missions offset 0) f
          join ops_mission_steps s on s.id = any (v_verdicts.bad);
        held := held || v_held;
        v_verdicts.faults := v_verdicts.faults - v_held::text[];
        v_verdicts.holds := v_verdicts.holds - v_held::text[];
      end if;
      faults := faults || v_verdicts.faults;
      holds := holds || v_verdicts.holds;
      params := params || v_verdicts.params;
      later := later || v_verdicts.later;
      if v_verdicts.bad <> '{}' or later <> '{}' then
        select array_agg(n.id), array_agg(n.executor), array_agg(n.mission_id) into v_run, v_executors, v_missions
          from unnest(v_run, v_executors, v_missions) n (id, executor, mission_id)
         where n.id <> all (v_verdicts.bad || later);
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
    exit when coalesce(cardinality(v_run), 0) = cardinality(v_more) or later <> '{}';
  end loop;
  return next;
end;
$$;
