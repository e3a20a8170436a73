create or replace function _open_missions()
returns uuid[]
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The missions of all steps that are ready, parked or leased, or wait for a time, however old; some may have ended.
-- What was written by hand comes with the next heartbeat, which queues it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array(
    select distinct s.mission_id
      from ((select r.id
               from ops_lanes l
              cross join lateral (select _lane_mark(l.mark, l.mark_table, l.mark_server_start,
                                                    'ops_ready'::regclass) as mark) m
              cross join lateral (select q.id from ops_ready q where q.lane = l.lane and q.seq > m.mark) r
              where l.queue = 'steps')
            union all
            (select p.step_id from ops_parked_steps p)
            union all
            (select u.id from ops_timers t cross join lateral unnest(t.step_ids) u (id))) n
     -- Plans 1
     cross join lateral (select t.mission_id from ops_mission_steps t where t.id = n.id limit 1) s);
end;
$$;
