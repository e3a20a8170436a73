create or replace function _take_due(p_schedule ops_schedules, p_limit integer)
returns integer
language plpgsql
set search_path from current
as $$
-- Takes the ticks of a schedule that are due, p_limit at most; returns how many. As long as heartbeats come every 15
-- minutes, all of them. When the oldest is later than that, catch_up says: all, but not more than max_backlog, the last
-- ones; or the last one alone, for none only when that itself is not late. Those that are let go leave one row, that
-- of the first. A schedule whose ticks cannot be worked out any more, as the server has lost its time zone, is
-- refused, and looked at again in ten minutes.
-- Locks: those of emitting and proposing. Writes: ops_schedules, ops_schedule_ticks, and what ticks write. Raises:
-- errors not caused by the data.
declare
  c_late constant interval := interval '15 minutes';
  v_now constant timestamptz := _now();
  v_most constant integer := case p_schedule.catch_up when 'all' then p_schedule.max_backlog else 1 end;
  v_message text;
  v_first timestamptz;
  v_ticks timestamptz[];
  v_seen timestamptz;
  v_next timestamptz;
  v_row ops_schedule_ticks;
begin
  begin
    v_first := (_ticks(p_schedule, p_schedule.seen_until, v_now, 1))[1];
    if v_first < v_now - c_late then
      v_ticks := _latest_ticks(p_schedule, p_schedule.seen_until, v_now, v_most);
      if p_schedule.catch_up = 'none' and v_ticks[1] < v_now - c_late then
        v_ticks := '{}'::timestamptz[];
      end if;
      v_ticks := v_ticks[1:p_limit];
    else
      v_ticks := _ticks(p_schedule, p_schedule.seen_until, v_now, p_limit);
    end if;
    v_seen := case when cardinality(v_ticks) < p_limit then v_now else v_ticks[p_limit] end;
    v_next := (_ticks(p_schedule, v_seen, null, 1))[1];
  exception when data_exception then
    get stacked diagnostics v_message = message_text;
    update ops_schedules s
       set next_at = v_now + interval '10 minutes', last_outcome = 'refused', last_code = sqlstate,
           last_reason = _error_text(sqlstate, v_message), failures = s.failures + 1
     where s.name = p_schedule.name;
    return 0;
  end;
  if v_first is distinct from v_ticks[1] and v_first is not null then
    v_row.outcome := 'missed';
    v_row.reason := format('due while no heartbeat came, as were those up to %s; catch_up is %s',
                           coalesce(v_ticks[1], v_now), p_schedule.catch_up);
    perform _store_tick(p_schedule, v_first, 'due', null, v_row);
  end if;
  perform _take_ticks(p_schedule, v_ticks, 'due', null);
  update ops_schedules s set seen_until = v_seen, next_at = v_next where s.name = p_schedule.name;
  return cardinality(v_ticks);
end;
$$;
