create or replace function _rearm_timers(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Sets a new timer, due in a second, for steps that are still due although their timer was taken: another session had
-- locked them, or an open transaction had asserted their lease.
-- Locks: none. Writes: ops_timers. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  insert into ops_timers (due_at, step_ids)
  select v_now + interval '1 second', array_agg(s.id)
    from ops_mission_steps s
   where s.id = any (p_step_ids)
     and ((s.status = 'running' and s.lease_expires_at <= v_now)
          or (s.status = 'queued' and s.run_after <= v_now)
          or (s.status = 'waiting'
              and (exists (select from ops_parked_steps q where q.step_id = s.id and q.until <= v_now)
                   or exists (select from ops_event_waits e where e.step_id = s.id and e.event_id is not null)
                   or exists (select from ops_child_missions c join ops_missions m on m.id = c.mission_id
                               where c.step_id = s.id and m.completed_at is not null))))
  having count(*) > 0;
end;
$$;
