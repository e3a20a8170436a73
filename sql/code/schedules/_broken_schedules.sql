create or replace function _broken_schedules()
returns table (invariant text, subject text, detail text)
language plpgsql
stable
set search_path from current
as $$
-- The invariants of schedules.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select '16 a schedule that is enabled has its next tick', 'schedule ' || s.name,
         format('next_at %s, seen until %s', coalesce(s.next_at::text, 'null'), s.seen_until)
    from ops_schedules s
   where (s.enabled and s.next_at is null and _ticks(s, s.seen_until, null, 1) <> '{}')
      or (not s.enabled and s.next_at is not null)
  union all
  select '16 a tick that happened has its event or proposal', format('schedule %s, tick %s', t.schedule, t.tick),
         t.outcome
    from ops_schedule_ticks t
   where t.outcome in ('fired', 'rejected') and num_nonnulls(t.event_id, t.proposal_id) <> 1
  union all
  select '16 a tick that waits has its schedule', format('schedule %s, tick %s', t.schedule, t.tick), null
    from ops_schedule_ticks t
   where t.outcome = 'queued' and not exists (select from ops_schedules s where s.name = t.schedule and s.enabled);
end;
$$;
