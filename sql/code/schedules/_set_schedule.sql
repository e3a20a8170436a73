create or replace function _set_schedule(
  p_name text,
  p_schedule jsonb,
  p_actor text,
  p_reason text,
  p_from_file boolean
)
returns boolean
language plpgsql
set search_path from current
as $$
-- Stores a sound schedule; false when that changes nothing. Where the times change, ticks count from now on; else those
-- that are due stay due. Every login that had a hand in it stays among its proposers.
-- Locks: the schedule. Writes: ops_schedules, ops_schedule_ticks, ops_audit_log. Raises: OP031.
declare
  v_now constant timestamptz := _now();
  v_old ops_schedules;
  v_new ops_schedules := _as_schedule(p_name, p_schedule);
begin
  begin
    insert into ops_schedules (name, every_seconds, event_type, source, enabled, proposers, set_by, set_login,
                               created_at, updated_at, seen_until)
    values (p_name, 1, '', '', false, '{}', '', '', v_now, v_now, v_now)
    on conflict (name) do nothing;
    select s.* into v_old from ops_schedules s where s.name = p_name for update;
  exception when lock_not_available then
    perform _raise_held(format('schedule %s', p_name), 'ops_schedules');
  end;
  if (v_old.cron, v_old.every_seconds, v_old.timezone, v_old.event_type, v_old.data, v_old.template, v_old.source,
      v_old.overlap, v_old.catch_up, v_old.max_backlog, v_old.enabled, v_old.starts_at, v_old.ends_at, v_old.from_file)
     is not distinct from
     (v_new.cron, v_new.every_seconds, v_new.timezone, v_new.event_type, v_new.data, v_new.template, v_new.source,
      v_new.overlap, v_new.catch_up, v_new.max_backlog, v_new.enabled, v_new.starts_at, v_new.ends_at, p_from_file) then
    return false;
  end if;

  v_new.seen_until := case when (v_old.cron, v_old.every_seconds, v_old.timezone, v_old.enabled, v_old.starts_at,
                                 v_old.ends_at)
                                is not distinct from
                                (v_new.cron, v_new.every_seconds, v_new.timezone, v_new.enabled, v_new.starts_at,
                                 v_new.ends_at)
                           then v_old.seen_until else v_now end;
  update ops_schedules s
     set cron = v_new.cron, every_seconds = v_new.every_seconds, timezone = v_new.timezone,
         event_type = v_new.event_type, data = v_new.data, template = v_new.template, source = v_new.source,
         overlap = v_new.overlap, catch_up = v_new.catch_up, max_backlog = v_new.max_backlog, enabled = v_new.enabled,
         starts_at = v_new.starts_at, ends_at = v_new.ends_at, from_file = p_from_file,
         proposers = array(select distinct l from unnest(s.proposers || _acting_login()) l order by l),
         set_by = coalesce(nullif(p_actor, ''), _acting_login()), set_login = _acting_login(), updated_at = v_now,
         seen_until = v_new.seen_until, failures = 0,
         next_at = case when v_new.enabled then (_ticks(v_new, v_new.seen_until, null, 1))[1] end
   where s.name = p_name;
  if not v_new.enabled then
    perform _drop_queued_ticks(p_name, 'the schedule was disabled');
  end if;
  perform _audit('set_schedule', 'schedule', p_name, p_actor, p_reason,
                 jsonb_build_object('schedule', p_schedule, 'from_file', p_from_file));
  perform _wake_sleepers();
  return true;
end;
$$;
