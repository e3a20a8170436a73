create or replace function _broken_steps(p_after uuid, p_upto uuid)
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- Steps that break an invariant, of those with an id above p_after and up to p_upto: a lease or a result held twice, a
-- live step that nothing would free, a step that began before its dependencies had ended, or whose mission is gone.
-- Reads these, their attempts and their dependencies, and the timers that are due.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  return query
  select '1 one lease, one result', 'step ' || s.id::text, 'running without lease_token or worker_id'
    from ops_mission_steps s
   where s.id > p_after and s.id <= p_upto and s.status = 'running' and (s.lease_token is null or s.worker_id is null)
  union all
  select '1 one lease, one result', 'token ' || s.lease_token::text, format('%s running steps hold it', count(*))
    from ops_mission_steps s
   where s.id > p_after and s.id <= p_upto and s.status = 'running'
   group by s.lease_token
  having count(*) > 1
  union all
  select '1 one lease, one result', 'step ' || s.id::text, format('running with a token whose attempt has %s', r.status)
    from ops_mission_steps s
    join ops_action_runs r on r.step_id = s.id and r.run_id = s.lease_token and r.status <> 'fenced'
   where s.id > p_after and s.id <= p_upto and s.status = 'running'
  union all
  select '1 one lease, one result', 'step ' || s.id::text,
    format('its lease is of epoch %s, which has not come yet', s.lease_epoch)
    from ops_mission_steps s
   where s.id > p_after and s.id <= p_upto and s.status = 'running'
      and s.lease_epoch > (select c.epoch from ops_control c)
  union all
  select '1 one lease, one result', 'step ' || r.step_id::text,
         format('attempt %s ended %s times: %s', r.attempt, count(*), string_agg(r.status, ', ' order by r.id))
    from ops_action_runs r
   where r.step_id > p_after and r.step_id <= p_upto and r.status <> 'fenced' and not r.meta ? 'resolved_by'
   group by r.step_id, r.attempt
  having count(*) > 1;

  return query
  with alive as materialized (
    select s.*, case s.status when 'running' then s.lease_expires_at when 'queued' then s.run_after
                          when 'waiting' then (select q.until from ops_parked_steps q where q.step_id = s.id)
           end as due_at
      from ops_mission_steps s
     where s.id > p_after and s.id <= p_upto and s.status in ('blocked', 'queued', 'running', 'waiting')
  ), timed as materialized (
    -- A timer is due when a lease ends or a retry may begin; a heartbeat may just be working on one that is due.
    select u.id
      from (select distinct a.due_at from alive a) d
      join ops_timers t on t.due_at = d.due_at
     cross join lateral unnest(t.step_ids) u (id)
    union
    select u.id
      from ops_timers t
     cross join lateral unnest(t.step_ids) u (id)
     where t.due_at <= v_now + interval '2 seconds'
  ), live as (
    select s.*, m.status as mission_status,
           exists (select from ops_ready r where r.lane = s.lane and r.seq = s.ready_seq and r.id = s.id) as ready,
           exists (select from ops_lanes l
                   where l.lane = s.lane and l.executor = s.executor and l.priority = s.priority) as laned,
           exists (select from timed t where t.id = s.id) as timed,
           (select count(*) from ops_mission_steps d
             where d.id = any (s.depends_on)
               and d.status <> 'succeeded' and not (d.status = 'failed' and d.on_failure = 'continue')) as waits_for
      from alive s
      join ops_missions m on m.id = s.mission_id
  )
  select '2 something frees every live step', 'step ' || l.id::text, f.fault
    from live l
   cross join lateral (
     select case
       when l.mission_status not in ('approved', 'running') and not (l.status = 'running' and l.cancel_requested)
         then format('%s, but its mission has %s', l.status, l.mission_status)
       when l.status = 'queued' and l.run_after is null and not l.ready then 'queued, but not in ops_ready'
       when l.status = 'queued' and l.run_after is null and not l.laned
            then 'in the lane of another executor or priority'
       when l.status = 'queued' and l.run_after is not null and not l.timed
            then 'waits for a retry, but no timer is set'
       when l.status = 'running' and l.lease_expires_at is null then 'running without an end of its lease'
       when l.status = 'running' and not l.timed then 'its lease ends, but no timer is set'
       when l.status = 'blocked' and l.waits_for = 0 then 'blocked, but waits for nothing'
       when l.status = 'blocked' and l.waiting_on <> l.waits_for
         then format('waiting_on is %s, but %s dependencies have not ended', l.waiting_on, l.waits_for)
       when l.status = 'waiting' and not exists (select from ops_parked_steps p where p.step_id = l.id)
         then 'waiting, but ops_parked_steps does not say what for: no inbox and no resume would find it'
       when l.status = 'waiting' and l.due_at is not null and not l.timed
         then 'waits for a time, but no timer is set'
       when l.status = 'waiting' and not l.timed
            and exists (select from ops_parked_steps p
                         where p.step_id = l.id and p.waits_for = 'event' and p.scope = 'wait')
            and not exists (select from ops_event_waits e where e.step_id = l.id and e.event_id is null)
         then 'waits for an event, but does not listen for one'
       when l.status = 'waiting'
            and exists (select from ops_parked_steps p
                         where p.step_id = l.id and p.waits_for = 'event' and p.scope = 'mission'
                           and p.target is not null)
            and not exists (select from ops_child_missions c where c.step_id = l.id and not c.abandoned)
         then 'waits for a mission, but has proposed none'
       when l.status = 'waiting' and not l.timed
            and exists (select from ops_child_missions c join ops_missions m on m.id = c.mission_id
                         where c.step_id = l.id and m.status not in ('approved', 'running'))
         then 'the mission that it waits for has ended, but no timer is set'
     end as fault) f
   where f.fault is not null
  union all
  select '2 something frees every live step', 'step ' || p.step_id::text,
         format('parked for a %s, but not waiting', p.waits_for)
    from ops_parked_steps p
   where p.step_id > p_after and p.step_id <= p_upto
     and not exists (select from ops_mission_steps s where s.id = p.step_id and s.status = 'waiting');

  return query
  select '4 dependencies first', 'step ' || b.id::text,
         format('began before step %s (%s) had ended, by the server''s clock', d.id, d.key)
    from ops_mission_steps b
   cross join lateral (
     select least(min(r.started_at), b.reserved_at) as at
       from ops_action_runs r where r.step_id = b.id and r.started_at is not null) began
    join ops_mission_steps d on d.id = any (b.depends_on)
   cross join lateral (
     -- One that was set to succeeded by hand while it ran has a lost attempt in place of one that succeeded.
    select count(*) as attempts,
           coalesce(min(r.completed_at) filter (where r.status = 'succeeded'),
                    max(r.completed_at) filter (where r.status = 'lost' and d.status = 'succeeded')) as succeeded_at,
            min(r.completed_at) filter (where r.status in ('failed', 'lost')) as failed_at
       from ops_action_runs r where r.step_id = d.id) ended
   where b.id > p_after and b.id <= p_upto and b.depends_on <> '{}' and b.attempt > 0
     and (ended.attempts > 0 or d.status not in ('succeeded', 'failed'))
     and not coalesce(ended.succeeded_at <= began.at, false)
     and not coalesce(d.on_failure = 'continue' and ended.failed_at <= began.at, false);

  return query
  select '3 missions follow from their steps', 'step ' || s.id::text, 'its mission is gone'
    from ops_mission_steps s
   where s.id > p_after and s.id <= p_upto and not exists (select from ops_missions m where m.id = s.mission_id);
end;
$$;
