create or replace function _store_tick(
  p_schedule ops_schedules,
  p_tick timestamptz,
  p_cause text,
  p_login text,
  p_row ops_schedule_ticks
)
returns void
language plpgsql
set search_path from current
as $$
-- Keeps what became of a tick of a schedule that is locked, and forgets what is older than the last 1,000.
-- Locks: none of its own. Writes: ops_schedule_ticks, ops_schedules. Raises: nothing.
begin
  insert into ops_schedule_ticks as t (schedule, tick, cause, outcome, code, reason, event_id, proposal_id, login,
                                       taken_at)
  values (p_schedule.name, p_tick, p_cause, p_row.outcome, p_row.code, p_row.reason, p_row.event_id, p_row.proposal_id,
          p_login, _now())
  on conflict (schedule, tick) do update
    set cause = excluded.cause, outcome = excluded.outcome, code = excluded.code, reason = excluded.reason,
        event_id = excluded.event_id, proposal_id = excluded.proposal_id, login = excluded.login,
        taken_at = excluded.taken_at;
  update ops_schedules s
     set last_at = p_tick, last_outcome = p_row.outcome, last_code = p_row.code, last_reason = p_row.reason,
         failures = case p_row.outcome when 'refused' then s.failures + 1 when 'rejected' then s.failures + 1
                                       when 'fired' then 0 else s.failures end
   where s.name = p_schedule.name;
  delete from ops_schedule_ticks t
   where t.schedule = p_schedule.name and t.outcome <> 'queued'
     and (t.taken_at, t.tick) < (select o.taken_at, o.tick
                                   from ops_schedule_ticks o
                                  where o.schedule = p_schedule.name
                                  order by o.taken_at desc, o.tick desc offset 999 limit 1);
end;
$$;
