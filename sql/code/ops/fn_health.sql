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
-- tables are: open items as _present_state() has them; recent_ (in the last hour), failed_ and running_missions
-- (created in the last 24 hours) are counted among the newest 10,000 rows.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_most constant integer := 10000;
  v_now timestamptz := _now();
  v_hour constant timestamptz := v_now - interval '1 hour';
  v_day constant timestamptz := v_now - interval '24 hours';
begin
  select w.unprocessed_events, w.queued_reactions, w.processing_reactions, w.pending_proposals, w.waiting_proposals,
         w.queued_steps, w.running_steps, w.waiting_steps, w.paused_scopes, w.paused_steps, w.killed, w.live_workers,
         w.asleep_workers, w.oldest_ready_at, w.last_heartbeat_at, w.xmin_holder, w.xmin_held_since
    into unprocessed_events, queued_reactions, processing_reactions, pending_proposals, waiting_proposals,
         queued_steps, running_steps, waiting_steps, paused_scopes, paused_steps, killed, live_workers,
         asleep_workers, oldest_ready_at, last_heartbeat_at, xmin_holder, xmin_held_since
    from _present_state() w;
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
  select count(*) into recent_proposals
    from (select p.created_at from ops_mission_proposals p order by p.id desc limit c_most) p
   where p.created_at > v_hour;
  select count(*) filter (where m.status = 'running'), count(*) filter (where m.status = 'failed')
    into running_missions, failed_missions
    from (select n.status, n.created_at from ops_missions n order by n.id desc limit c_most) m
   where m.created_at > v_day;
  select count(*) into failed_steps
    from (select s.status, s.created_at from ops_mission_steps s order by s.id desc limit c_most) s
   where s.status = 'failed' and s.created_at > v_day;
  return next;
end;
$$;
comment on function fn_health() is
  'The system health overview of the operations runbook in one row, by its names, and what waits for a person, what '
  'is paused, live workers, the oldest ready step, the last good heartbeat, and the holder of the oldest snapshot, '
  'which keeps vacuum from removing dead rows. Bounded: counts end at 10,000, and what happened is looked for among '
  'the newest 10,000 rows.';
