create or replace function _redate_steps(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For steps that changed last at a time that is still to come: the server's clock was set back since. What is dated in
-- them moves back as far: the lease ends, and the retry is due, as long from now as it was from that change. A worker
-- that lives extends its lease meanwhile; one that vanished loses it after one lease, however far the clock was set.
-- Locks: the steps, SKIP LOCKED. Writes: ops_mission_steps, ops_timers. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  with locked as (
    select s.id from ops_mission_steps s
     where s.id = any (p_step_ids) and s.updated_at > v_now and s.status in ('running', 'queued')
     order by s.id
       for no key update skip locked
  ), redated as (
    update ops_mission_steps s
       set lease_expires_at = _redated(s.lease_expires_at, s.updated_at, v_now),
           deadline_at = _redated(s.deadline_at, s.updated_at, v_now),
           run_after = _redated(s.run_after, s.updated_at, v_now), updated_at = v_now
      from locked l
     -- Plans 2
     where s.id = l.id and s.id = any (p_step_ids)
    returning s.id, case s.status when 'running' then s.lease_expires_at else s.run_after end as due_at
  )
  insert into ops_timers (due_at, step_ids)
  select r.due_at, array_agg(r.id) from redated r where r.due_at is not null group by r.due_at;
end;
$$;
