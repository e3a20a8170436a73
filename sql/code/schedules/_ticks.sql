create or replace function _ticks(
  p_schedule ops_schedules,
  p_after timestamptz,
  p_upto timestamptz,
  p_limit integer
)
returns timestamptz[]
language plpgsql
stable
set search_path from current
as $$
-- The first p_limit ticks of a schedule after p_after and up to p_upto (null: whenever), ascending, between starts_at
-- and ends_at. That it is disabled does not count.
-- Locks: none. Writes: nothing. Raises: 22023 for a time zone that the server does not know.
declare
  v_upto constant timestamptz := least(p_upto, p_schedule.ends_at - interval '1 microsecond');
  v_cron ops_cron;
  v_origin constant timestamptz := coalesce(p_schedule.starts_at, 'epoch');
  v_every constant interval := make_interval(secs => p_schedule.every_seconds);
  v_at timestamptz := greatest(p_after, p_schedule.starts_at - interval '1 microsecond');
  v_ticks timestamptz[] := '{}'::timestamptz[];
begin
  if p_schedule.cron is not null then
    v_cron := _cron(p_schedule.cron);
  else
    v_at := v_origin + make_interval(
      secs => floor(extract(epoch from v_at - v_origin) / p_schedule.every_seconds) * p_schedule.every_seconds);
  end if;
  while cardinality(v_ticks) < p_limit loop
    v_at := case when v_every is null then _next_tick(v_cron, p_schedule.timezone, v_at) else v_at + v_every end;
    exit when v_at is null or v_at > v_upto;
    v_ticks := v_ticks || v_at;
  end loop;
  return v_ticks;
end;
$$;
