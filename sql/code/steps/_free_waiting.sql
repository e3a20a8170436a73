create or replace function _free_waiting(p_step_ids uuid[])
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Lets those of these parked steps go on whose time has come: a step for a worker is queued, a wait has succeeded.
-- Returns how many were looked at. Missions of which another session has locked a row are left for later.
-- Locks: missions, then their steps, SKIP LOCKED. Writes: what queueing, parking and an end write. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_missions constant uuid[] := _lock_free_missions(p_step_ids);
  v_due record;
  v_ready uuid[];
begin
  select array_agg(w.id) as ids,
         array_agg(w.id) filter (where w.scope = 'run_after') as begun,
         array_agg(w.id) filter (where w.scope = 'wait' and w.fault is null) as over,
         array_agg(w.id) filter (where w.fault is not null) as faulty,
         array_agg(w.fault) filter (where w.fault is not null) as faults
    into v_due
    from (select s.id, q.scope, t.fault
            from ops_mission_steps s
            join ops_parked_steps q on q.step_id = s.id and q.waits_for = 'time' and q.until <= v_now
            left join lateral _wait_terms(s.id, q.since) t on q.scope = 'wait'
           where s.id = any (p_step_ids) and s.mission_id = any (v_missions) and s.status = 'waiting'
           order by s.id) w;
  if v_due.ids is null then
    return 0;
  end if;
  if v_due.over is not null then
    perform _end_waits(v_due.over, array_fill(jsonb_build_object(
      'at', to_char(v_now at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')), array[cardinality(v_due.over)]));
  end if;
  if v_due.faulty is not null then
    perform _fail_waits(v_due.faulty, v_due.faults, array_fill(text 'OPS_046', array[cardinality(v_due.faulty)]));
  end if;
  if v_due.begun is not null then
    perform _unpark_steps(v_due.begun);
    v_ready := _await_turn(v_due.begun, true);
    if v_ready is not null then
      perform _enqueue_steps(v_ready);
    end if;
  end if;
  return cardinality(v_due.ids);
end;
$$;
