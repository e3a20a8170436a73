create or replace function _rebuild_steps()
returns table (revoked integer, held integer, remaining integer, requeued uuid[])
language plpgsql
set search_path from current
set jit = off
as $$
-- After a restore, when the queue is empty and the epoch was raised: takes all leases back, queues every step that is
-- ready, arms the timers of retries and waits, and makes parking and missions follow from the steps. requeued: up to
-- 1,000 of the steps that ran at the time of the backup and run again; remaining: running ones that could not be taken
-- back, as another session has locked them or their mission is gone.
-- Locks: missions, then steps, SKIP LOCKED. Writes: ops_mission_steps, ops_missions, ops_action_runs, ops_ready,
-- ops_timers, ops_parked_steps, ops_agent_events, ops_strays, ops_sweep. Raises: nothing.
declare
  c_batch constant integer := 10000;
  v_running uuid[] := array(select s.id from ops_mission_steps s where s.status = 'running' order by s.id);
  v_queued uuid[];
  v_missions uuid[];
begin
  for v_from in 0 .. cardinality(v_running) - 1 by c_batch loop
    perform _recover_each('restore', v_running[v_from + 1 : v_from + c_batch]);
  end loop;
  select count(*) filter (where s.status <> 'running'), count(*) filter (where s.status = 'waiting'),
         count(*) filter (where s.status = 'running'),
         coalesce((array_agg(s.id order by s.id) filter (where s.status = 'queued'))[:1000], '{}')
    into revoked, held, remaining, requeued
    from ops_mission_steps s where s.id = any (v_running);

  insert into ops_timers (due_at, step_ids)
  select s.run_after, array_agg(s.id)
    from ops_mission_steps s
   where s.status = 'queued' and s.run_after is not null
   group by s.run_after
  union all
  select q.until, array_agg(q.step_id) from ops_parked_steps q where q.until is not null group by q.until
  union all
  select _now(), array_agg(c.step_id) from ops_child_missions c having count(*) > 0;
  -- Transactions of another server had other numbers.
  update ops_event_waits set seen = null, began_in = '0', look_back_until = null;
  update ops_awaited_events set keep_until = null;
  v_queued := array(select s.id from ops_mission_steps s
                     where s.status = 'queued' and s.run_after is null
                       and not exists (select from ops_ready r where r.lane = s.lane and r.seq = s.ready_seq)
                     order by s.id);
  for v_from in 0 .. cardinality(v_queued) - 1 by c_batch loop
    perform _recover_each('adopt', v_queued[v_from + 1 : v_from + c_batch]);
  end loop;

  perform _recover_each('mend',
            array(select s.id from ops_mission_steps s
                   where s.status = 'waiting' and not exists (select from ops_parked_steps p where p.step_id = s.id)));
  perform _recover_each('unpark',
            array(select p.step_id from ops_parked_steps p
                   where not exists (select from ops_mission_steps s where s.id = p.step_id and s.status = 'waiting')));
  loop
    v_missions := _sweep_missions(null, 20000);
    if v_missions is not null then
      perform _recover_each('missions', v_missions);
    end if;
    exit when not exists (select from ops_sweep w where w.name = 'missions' and w.position is not null);
  end loop;
  update ops_sweep set seen = 0, swept_at = null where name = 'missions';
  return next;
end;
$$;
