create or replace function _revive_missions(p_mission_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Brings ended missions back to life after one of their steps was put back to work: steps that were cancelled because
-- the mission failed are blocked or queued again. Counters are settled here too. The caller holds the locks of the
-- missions and of all their steps.
-- Locks: none of its own. Writes: ops_missions, ops_mission_steps, ops_ready, ops_agent_events. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_revived uuid[];
  v_ready uuid[];
begin
  -- A success that ops_events derives can no longer be derived once the mission runs again.
  insert into ops_agent_events (id, type, data, mission_id, depth, processed_at, created_at)
  select _uuid_v7(), 'mission:succeeded', _mission_event(m.id, m.title, m.proposal_id, m.steps_total), m.id,
         m.depth + 1, m.completed_at, m.completed_at
    from ops_missions m
   where m.id = any (p_mission_ids) and m.status = 'succeeded' and not m.end_told;

  with revived as (
    update ops_missions m
       set status = 'running', completed_at = null, error = null, error_code = null, updated_at = v_now,
           started_at = coalesce(m.started_at, v_now)
     where m.id = any (p_mission_ids) and m.status in ('failed', 'succeeded', 'cancelled')
       -- As a list, not asked for each mission: that could be a scan of all steps.
       and m.id <> all (array(select f.mission_id from ops_mission_steps f
                               where f.mission_id = any (p_mission_ids) and f.status = 'failed'
                                  and f.on_failure = 'fail'))
    returning m.id
  )
  select array_agg(r.id) into v_revived from revived r;

  if v_revived is not null then
    update ops_mission_steps s
       set status = 'blocked', wait_reason = null, cancel_requested = false, updated_at = v_now
     where s.mission_id = any (v_revived) and s.status = 'cancelled';
    update ops_mission_steps s
       set cancel_requested = false
     where s.mission_id = any (v_revived) and s.status = 'running' and s.cancel_requested;
  end if;
  -- Also in missions that never ended: steps that need one with on_failure isolate which is to run again.
  if exists (select from ops_mission_steps f where f.mission_id = any (p_mission_ids) and f.on_failure = 'isolate') then
    update ops_mission_steps s
       set status = 'blocked', wait_reason = null, updated_at = v_now
     where s.id = any (_dependants(p_mission_ids, 'blocked')) and s.status = 'cancelled';
    perform _cancel_dependants(p_mission_ids);
  end if;
  -- Another failed step keeps the mission failed: it did not come back to life, and emits no second mission:failed.
  update ops_mission_steps s
     set status = 'cancelled', wait_reason = 'its mission failed', updated_at = v_now
   where s.mission_id = any (array(select m.id from ops_missions m
                                   where m.id = any (p_mission_ids) and m.status = 'failed'))
     and s.status = 'blocked';

  -- Also in missions that never ended: a step that had failed with on_failure continue has to be waited for again.
  with counted as materialized (
    select b.id, w.n
      from ops_mission_steps b
     cross join lateral (select count(*)::integer as n from ops_mission_steps d
                          where d.id = any (b.depends_on) and d.status <> 'succeeded'
                            and not (d.status = 'failed' and d.on_failure = 'continue')) w
     where b.mission_id = any (p_mission_ids) and b.status = 'blocked' and b.waiting_on <> w.n
  )
  update ops_mission_steps s
     set waiting_on = c.n
    from counted c
   -- Plans 2
   where s.id = c.id and s.id = any (array(select o.id from counted o));
  select array_agg(s.id) into v_ready
    from ops_mission_steps s
   where s.mission_id = any (p_mission_ids) and s.status = 'blocked' and s.waiting_on = 0;
  v_ready := _await_turn(v_ready);
  if v_ready is not null then
    perform _enqueue_steps(v_ready);
  end if;
  perform _settle_missions(p_mission_ids);
end;
$$;
