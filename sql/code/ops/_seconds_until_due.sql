create or replace function _seconds_until_due()
returns double precision
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- How long until a heartbeat, or a claim, has something to do without being told: a lease, a retry or a tick is due, or
-- a step that is ready is left where it is for a reason that nobody announces (another session holds its mission, no
-- worker offers its executor). 0 when events or reactions wait, or a pause, a kill or a gate has left work; null when
-- nothing is to come by time alone. The sweeps for rows changed by hand do not count.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  -- So often steps are looked at that are ready and that nobody takes.
  c_ready constant double precision := 5;
begin
  if _ready_count('events', 1) > 0 or _ready_count('reactions', 1) > 0
     or exists (select from ops_control c where c.revoked_epoch < c.epoch)
     or exists (select from ops_parked_steps s
                 where s.waits_for = 'pause'
                   and not exists (select from ops_pauses p where p.scope = s.scope and p.target = s.target))
     or exists (select from ops_awaited_events)
     or exists (select from ops_parked_steps s where s.scope = 'mission' and s.target is null)
     or exists (select from ops_child_missions c where c.abandoned)
     or exists (select from ops_event_waits w where w.event_id is null and w.look_back_until is not null)
     or exists (select from ops_mission_proposals p
                 where p.status in ('pending', 'voting') and p.counted_at is null
                   and _not_aside(array[p.id]) is not null) then
    return 0;
  end if;
  if exists (select from (select distinct t.schedule from ops_schedule_ticks t where t.outcome = 'queued') q
              where not _is_tick_open(q.schedule)
                and not exists (select from ops_pauses p where p.scope = 'schedule' and p.target = q.schedule)) then
    return 0;
  end if;
  return least(
    (select greatest(extract(epoch from _time_between(_now(), s.next_at)), 0)::double precision
       from ops_schedules s
      where s.next_at is not null
        and not exists (select from ops_pauses p where p.scope = 'schedule' and p.target = s.name)
      order by s.next_at
      limit 1),
    (select greatest(extract(epoch from _time_between(_now(), t.due_at)), 0)::double precision
       from ops_timers t order by t.due_at, t.id limit 1),
    case when exists (select from ops_lanes l
                     cross join lateral (
                       select _lane_mark(l.mark, l.mark_table, l.mark_server_start, 'ops_ready'::regclass) as mark) m
                      where l.queue = 'steps'
                        and not exists (select from ops_pauses p
                                         where p.scope in ('all', 'move')
                                               or (p.scope = 'executor' and p.target = l.executor))
                        and exists (select from ops_ready r where r.lane = l.lane and r.seq > m.mark))
         then c_ready end);
end;
$$;
