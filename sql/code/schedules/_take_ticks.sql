create or replace function _take_ticks(
  p_schedule ops_schedules,
  p_ticks timestamptz[],
  p_cause text,
  p_login text
)
returns void
language plpgsql
set search_path from current
as $$
-- Takes ticks of a schedule that is locked, each once: it happens, or is skipped or queued because of overlap. Those
-- that happened or wait are passed over. A backfill never skips: where ticks must not overlap, they wait. One that
-- cannot be emitted or proposed is refused, with its code, and holds up no other.
-- Locks: those of emitting and proposing. Writes: ops_schedule_ticks, ops_schedules, and what ticks write. Raises:
-- errors not caused by the data.
declare
  v_tick timestamptz;
  v_row ops_schedule_ticks;
  v_waiting bigint;
begin
  foreach v_tick in array p_ticks loop
    continue when exists (select from ops_schedule_ticks t
                           where t.schedule = p_schedule.name and t.tick = v_tick
                             and t.outcome in ('queued', 'fired', 'rejected'));
    v_row := null;
    v_waiting := (select count(*) from ops_schedule_ticks t
                   where t.schedule = p_schedule.name and t.outcome = 'queued');
    if p_schedule.overlap <> 'allow' and (v_waiting > 0 or _is_tick_open(p_schedule.name)) then
      if p_cause <> 'backfill' and p_schedule.overlap = 'skip' then
        v_row.outcome := 'skipped';
        v_row.reason := 'what came of the tick before is still open';
      elsif p_cause <> 'backfill' and v_waiting >= p_schedule.max_backlog then
        v_row.outcome := 'skipped';
        v_row.reason := format('%s ticks wait already, which is max_backlog', v_waiting);
      else
        v_row.outcome := 'queued';
      end if;
    else
      v_row := _fire_alone(p_schedule, v_tick, p_login);
    end if;
    perform _store_tick(p_schedule, v_tick, p_cause, p_login, v_row);
  end loop;
end;
$$;
