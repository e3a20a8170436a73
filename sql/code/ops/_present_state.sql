create or replace function _present_state(
  out unprocessed_events bigint,
  out queued_reactions bigint,
  out processing_reactions bigint,
  out pending_proposals bigint,
  out waiting_proposals bigint,
  out queued_steps bigint,
  out running_steps bigint,
  out waiting_steps bigint,
  out paused_scopes bigint,
  out paused_steps bigint,
  out killed boolean,
  out live_workers bigint,
  out asleep_workers bigint,
  out oldest_ready_at timestamptz,
  out last_heartbeat_at timestamptz,
  out xmin_holder text,
  out xmin_held_since timestamptz
)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_health and _health: items that wait, run or live at this moment, without the past. Open items are
-- counted where they wait, of any age and 10,000 at most of each; steps that run, or wait for their next try, among the
-- 20,000 steps of the latest timers.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_most constant integer := 10000;
  v_now timestamptz := _now();
begin
  unprocessed_events := _ready_count('events', c_most);
  select count(*) filter (where a.status = 'queued'), count(*) filter (where a.status = 'processing')
    into queued_reactions, processing_reactions
    from (select r.id from ops_ready r where r.lane = _lane_of('reactions') order by r.seq desc limit c_most) r
    join ops_agent_reactions a on a.id = r.id;
  select count(*) filter (where p.status = 'pending'), count(*) filter (where p.gate_after is null)
    into pending_proposals, waiting_proposals
    from (select o.status, o.gate_after from ops_mission_proposals o
           where o.status in ('pending', 'voting') limit c_most) p;
  -- Steps that run, and steps that wait for their next try, have a timer.
  select count(*) filter (where s.status = 'running'),
         count(*) filter (where s.status = 'queued' and s.run_after is not null)
    into running_steps, queued_steps
    from (select distinct l.id
            from (select u.id
                    from (select t.step_ids from ops_timers t order by t.due_at desc, t.id desc limit 2 * c_most) t
                   cross join lateral unnest(t.step_ids) u (id)
                   limit 2 * c_most) l) n
    join ops_mission_steps s on s.id = n.id
   where s.status in ('running', 'queued');
  queued_steps := least(c_most, queued_steps + _ready_count('steps', c_most));
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
end;
$$;
