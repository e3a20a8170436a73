create or replace function _perhaps_stuck()
returns uuid[]
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The missions that may be stuck (_stuck_missions says which are), however old: those of parked steps, of steps at the
-- front of their lane, of leases that are over, and those that a sweep found. 10,000 of each at most, 1,000 of a lane
-- that a worker serves.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_paused constant boolean := exists (select from ops_pauses);
  v_steps uuid[];
begin
  v_steps := array(
    select n.id
      from ((select p.step_id as id from ops_parked_steps p limit 10000)
            union all
            (select r.id
               from ops_lanes l
              cross join lateral (select _lane_mark(l.mark, l.mark_table, l.mark_server_start,
                                                    'ops_ready'::regclass) as mark) m
              cross join lateral (
                select q.id from ops_ready q
                 where q.lane = l.lane and q.seq > m.mark
                 order by q.seq
                 limit case when v_paused
                              or not exists (select from ops_workers_seen w
                                              where w.live_until > v_now and w.executors ? l.executor)
                            then 10000 else 1000 end) r
              where l.queue = 'steps')
            union all
            (select u.id
               from (select t.step_ids from ops_timers t where t.due_at <= v_now order by t.due_at, t.id limit 10000) t
              cross join lateral unnest(t.step_ids) u (id)
              limit 10000)) n);
  return array(
    select s.mission_id
      from (select u.id from unnest(v_steps) u (id)) n
     -- Plans 1
     cross join lateral (select t.mission_id, t.status from ops_mission_steps t where t.id = n.id limit 1) s
     where s.status in ('queued', 'running', 'waiting')
    union
    select t.id from ops_strays t where t.kind = 'stuck mission');
end;
$$;
