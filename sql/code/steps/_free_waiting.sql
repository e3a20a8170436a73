create or replace function _free_waiting(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Lets those of these parked steps go on for which the time, or the event, has come: a step for a worker is queued, a
-- wait has succeeded, or failed where the event came too late; and those whose mission has ended. A time that is over
-- while events have not been looked at yet waits for these, a minute at most: one of them may have come in time.
-- Missions of which another session has locked a row are left for later.
-- Locks: missions, then their steps, SKIP LOCKED. Writes: what queueing, parking and an end write. Raises: nothing.
declare
  v_now constant timestamptz := _now();
  v_missions constant uuid[] := _lock_free_missions(p_step_ids);
  v_due record;
  v_list uuid;
  v_ready uuid[];
begin
  select coalesce(array_agg(w.id) filter (where w.scope = 'for_each'), '{}') as lists,
         array_agg(w.id) filter (where w.scope in ('run_after', 'worker')) as begun,
         array_agg(w.id) filter (where w.has_come) as over,
         array_agg(w.result) filter (where w.has_come) as results,
         array_agg(w.id) filter (where w.fault is not null) as faulty,
         array_agg(w.fault) filter (where w.fault is not null) as faults,
         array_agg(w.code) filter (where w.fault is not null) as codes
    into v_due
    from (select d.id, d.scope, d.fault, case when d.fault is not null then d.code end as code,
                 d.scope = 'wait' and d.fault is null as has_come, d.result
            from (select s.id, q.scope,
                         case when e.event_id is not null then null
                              when t.type is not null and t.fault is null and t.on_timeout = 'fail'
                              then format('no event %s came within %s', t.type, date_trunc('second', q.until - q.since))
                              else t.fault end as fault,
                         case when t.fault is null then 'OPS_047' else 'OPS_046' end as code,
                         case when e.event_id is not null then e.data
                              when t.type is not null then 'null'
                              else jsonb_build_object('at', to_char(v_now at time zone 'UTC',
                                                                    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) end as result
                    from ops_mission_steps s
                    join ops_parked_steps q on q.step_id = s.id and q.waits_for in ('time', 'event')
                    left join ops_event_waits e on e.step_id = s.id
                    -- As a condition of the join it would be worked out for every row.
                    left join lateral (select w.* from _wait_terms(s.id, q.since) w
                                        where q.scope = 'wait' and e.event_id is null offset 0) t on true
                   where s.id = any (p_step_ids) and s.mission_id = any (v_missions) and s.status = 'waiting'
                     and (e.event_id is not null
                          or (q.until <= v_now
                              and (e.step_id is null or q.until < v_now - interval '1 minute'
                                   or not _has_unseen_events())))
                   order by s.id) d) w;
  if v_due.over is not null then
    perform _end_waits(v_due.over, v_due.results);
  end if;
  if v_due.faulty is not null then
    perform _fail_waits(v_due.faulty, v_due.faults, v_due.codes);
  end if;
  foreach v_list in array v_due.lists loop
    perform _spread_step(v_list);
  end loop;
  perform _free_parents(p_step_ids, v_missions);
  if v_due.begun is not null then
    delete from ops_parked_steps q where q.step_id = any (v_due.begun);
    v_ready := _await_turn(v_due.begun, true);
    if v_ready is not null then
      perform _enqueue_steps(v_ready);
    end if;
  end if;
end;
$$;
