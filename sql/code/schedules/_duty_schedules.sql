create or replace function _duty_schedules(p_limit integer default 100)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For each heartbeat: takes the ticks that are due, and those that waited for the one before; p_limit ticks at most,
-- the rest in the next turn. The row of the schedule is locked while that is done, so that each tick is taken once.
-- Locks: schedules, SKIP LOCKED; those of emitting and proposing. Writes: ops_schedules, ops_schedule_ticks, and what
-- ticks write. Raises: errors not caused by the data.
declare
  v_now constant timestamptz := _now();
  v_left integer := p_limit;
  v_name text;
  v_schedule ops_schedules;
  v_tick ops_schedule_ticks;
begin
  -- First what waits: it is older.
  for v_name in
    select q.schedule
      from (select distinct t.schedule from ops_schedule_ticks t where t.outcome = 'queued') q
     where not _is_tick_open(q.schedule)
       and not exists (select from ops_pauses p where p.scope = 'schedule' and p.target = q.schedule)
     order by q.schedule
     limit p_limit
  loop
    v_schedule := _free_schedule(v_name);
    continue when v_schedule.name is null or _is_tick_open(v_name);
    select t.* into v_tick
      from ops_schedule_ticks t where t.schedule = v_name and t.outcome = 'queued' order by t.tick limit 1;
    continue when not found;
    perform _store_tick(v_schedule, v_tick.tick, v_tick.cause, v_tick.login,
                        _fire_alone(v_schedule, v_tick.tick, v_tick.login));
    v_left := v_left - 1;
  end loop;

  for v_name in
    select s.name
      from ops_schedules s
     where s.next_at <= v_now
       and not exists (select from ops_pauses p where p.scope = 'schedule' and p.target = s.name)
     order by s.next_at, s.name
     limit p_limit
  loop
    exit when v_left <= 0;
    v_schedule := _free_schedule(v_name);
    continue when v_schedule.name is null or v_schedule.next_at is null or v_schedule.next_at > v_now;
    v_left := v_left - _take_due(v_schedule, v_left);
  end loop;
end;
$$;
