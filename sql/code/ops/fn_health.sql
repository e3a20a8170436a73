create or replace function fn_health()
returns table (
  unprocessed_events bigint,
  recent_events bigint,
  queued_reactions bigint,
  processing_reactions bigint,
  pending_proposals bigint,
  recent_proposals bigint,
  running_missions bigint,
  failed_missions bigint,
  queued_steps bigint,
  running_steps bigint,
  failed_steps bigint,
  waiting_proposals bigint,
  waiting_steps bigint,
  paused_scopes bigint,
  paused_steps bigint,
  killed boolean,
  live_workers bigint,
  asleep_workers bigint,
  oldest_ready_at timestamptz,
  last_heartbeat_at timestamptz,
  xmin_holder text,
  xmin_held_since timestamptz
)
language plpgsql
stable
security definer
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The system health overview of the operations runbook in one row, under its names, and more. Cheap however large the
-- tables are: open items are counted where they wait, of any age and 10,000 at most of each; recent_ (in the last
-- hour), failed_ and running_missions (created in the last 24 hours) are counted among the newest 10,000 rows. Steps
-- that run, or wait for their next try, are counted among the 20,000 steps of the latest timers.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_most constant integer := 10000;
  v_now timestamptz := _now();
  v_hour constant timestamptz := v_now - interval '1 hour';
  v_day constant timestamptz := v_now - interval '24 hours';
begin
  unprocessed_events := _ready_count('events', c_most);
  -- Stored ones, and those that ops_events derives from attempts and missions.
  select (select count(*)
            from (select e.processed_at from ops_agent_events e order by e.id desc limit c_most) e
           where e.processed_at > v_hour)
         + (select count(*)
              from (select r.id, r.status, r.completed_at, r.meta
                      from ops_action_runs r order by r.step_id desc, r.id desc limit c_most) r
             where r.status = 'succeeded' and r.completed_at > v_hour and not r.meta ? 'resolved_by'
               and not exists (select from ops_agent_events e where e.id = r.id))
         + (select count(*)
              from (select m.status, m.completed_at, m.end_told from ops_missions m order by m.id desc limit c_most) m
             where m.status = 'succeeded' and m.completed_at > v_hour and not m.end_told)
    into recent_events;
  select count(*) filter (where a.status = 'queued'), count(*) filter (where a.status = 'processing')
    into queued_reactions, processing_reactions
    from (select r.id from ops_ready r where r.lane = _lane_of('reactions') order by r.seq desc limit c_most) r
    join ops_agent_reactions a on a.id = r.id;
  select count(*) filter (where p.status = 'pending'), count(*) filter (where p.gate_after is null)
    into pending_proposals, waiting_proposals
    from (select o.status, o.gate_after from ops_mission_proposals o
           where o.status in ('pending', 'voting') limit c_most) p;
  select count(*) into recent_proposals
    from (select p.created_at from ops_mission_proposals p order by p.id desc limit c_most) p
   where p.created_at > v_hour;
  select count(*) filter (where m.status = 'running'), count(*) filter (where m.status = 'failed')
    into running_missions, failed_missions
    from (select n.status, n.created_at from ops_missions n order by n.id desc limit c_most) m
   where m.created_at > v_day;
  -- Steps that run, and steps that wait for their next try, have a timer.
  select count(*) filter (where s.status = 'running'),
         count(*) filter (where s.status = 'queued' and s.run_after is not null)
    into running_steps, queued_steps
    from (select distinct u.id
            from (select t.step_ids from ops_timers t order by t.due_at desc, t.id desc limit 2 * c_most) t
           cross join lateral unnest(t.step_ids) u (id)
           limit 2 * c_most) n
    join ops_mission_steps s on s.id = n.id
   where s.status in ('running', 'queued');
  queued_steps := least(c_most, queued_steps + _ready_count('steps', c_most));
  select count(*) into failed_steps
    from (select s.status, s.created_at from ops_mission_steps s order by s.id desc limit c_most) s
   where s.status = 'failed' and s.created_at > v_day;
  select count(*) into waiting_steps from (select from ops_parked_steps o where o.waits_for = 'person' limit c_most) w;
  select count(*), coalesce(bool_or(p.kill), false) into paused_scopes, killed from ops_pauses p;
  select count(*) into paused_steps from (select from ops_parked_steps o where o.waits_for = 'pause' limit c_most) p;
  select count(*), count(*) filter (where w.asleep) into live_workers, asleep_workers
    from ops_workers_seen w where w.live_until > v_now;
  select min(s.updated_at) into oldest_ready_at
    from ops_lanes l
   cross join lateral (select _lane_mark(l.mark, l.mark_table, l.mark_server_start, 'ops_ready'::regclass) as mark) m
   cross join lateral (select r.id from ops_ready r where r.lane = l.lane and r.seq > m.mark order by r.seq limit 1) r
    join ops_mission_steps s on s.id = r.id
   where l.queue = 'steps';
  select e.created_at into last_heartbeat_at
    from ops_agent_events e
   where e.type in ('heartbeat:success', 'heartbeat:failure') and e.type = 'heartbeat:success'
   order by e.created_at desc
   limit 1;
  select x.holder, x.since into xmin_holder, xmin_held_since from _xmin_holder() x;
  return next;
end;
$$;
comment on function fn_health() is
  'The system health overview of the operations runbook in one row, by its names, and what waits for a person, what '
  'is paused, live workers, the oldest ready step, the last good heartbeat, and the holder of the oldest snapshot, '
  'which keeps vacuum from removing dead rows. Bounded: counts end at 10,000, and what happened is looked for among '
  'the newest 10,000 rows.';
