create or replace function fn_backfill_schedule(
  p_name text,
  p_from timestamptz,
  p_to timestamptz,
  p_actor text default null,
  p_reason text default null
)
returns table (
  tick timestamptz,
  outcome text,
  code text,
  reason text,
  event_id uuid,
  proposal_id uuid,
  is_new boolean
)
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- The ticks that a schedule, as it is now, has from p_from up to, but not including, p_to. Those that happened or wait
-- are named and left alone; the others happen now, or wait in the queue where two must not overlap.
-- Locks: the schedule; those of emitting and proposing. Writes: ops_schedule_ticks, ops_schedules, ops_audit_log, and
-- what ticks write. Raises: OP018 for times that cannot be, OP025, OP027 for more than 1,000 ticks, OP028 while it is
-- paused, OP031.
declare
  c_most constant integer := 1000;
  v_schedule constant ops_schedules := _lock_schedule(p_name);
  v_ticks timestamptz[];
  v_had timestamptz[];
begin
  if p_from is null or p_to is null or not isfinite(p_from) or not isfinite(p_to) or p_from >= p_to
     or p_to > _now() then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: cannot backfill from %s to %s', coalesce(p_from::text, 'null'),
                       coalesce(p_to::text, 'null')),
      detail = jsonb_build_object('p_from', p_from, 'p_to', p_to)::text,
      hint = 'p_from must be before p_to, and p_to not after now: later ticks come by themselves.';
  end if;
  perform _assert_not_paused(p_name);
  v_ticks := _ticks(v_schedule, p_from - interval '1 microsecond', p_to - interval '1 microsecond', c_most + 1);
  if cardinality(v_ticks) > c_most then
    raise exception using errcode = 'OP027',
      message = format('OPS_027: schedule %s has more than %s ticks from %s to %s', p_name, c_most, p_from, p_to),
      detail = jsonb_build_object('schedule', p_name, 'limit', c_most, 'to', v_ticks[c_most + 1])::text,
      hint = format('Nothing was done. Backfill up to %s first, and then from there.', v_ticks[c_most + 1]);
  end if;
  v_had := array(select t.tick from ops_schedule_ticks t
                  where t.schedule = p_name and t.tick = any (v_ticks)
                    and t.outcome in ('queued', 'fired', 'rejected'));
  perform _take_ticks(v_schedule, v_ticks, 'backfill', _acting_login());
  perform _audit('backfill_schedule', 'schedule', p_name, p_actor, p_reason,
                 jsonb_build_object('from', p_from, 'to', p_to, 'ticks', cardinality(v_ticks)));
  return query
  select t.tick, t.outcome, t.code, t.reason, t.event_id, t.proposal_id, t.tick <> all (v_had)
    from ops_schedule_ticks t
   where t.schedule = p_name and t.tick = any (v_ticks)
   order by t.tick;
end;
$$;
comment on function fn_backfill_schedule(text, timestamptz, timestamptz, text, text) is
  'Lets the ticks of a schedule from p_from up to, not including, p_to happen that did not, as p_actor (default: the '
  'login); with overlap skip or queue one after the other. Returns what became of each, and whether that is new. '
  'OPS_018 for times that cannot be, OPS_025 unknown, OPS_027 more than 1,000 ticks, OPS_028 paused.';
