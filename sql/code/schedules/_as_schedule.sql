create or replace function _as_schedule(p_name text, p_schedule jsonb)
returns ops_schedules
language plpgsql
stable
set search_path from current
as $$
-- A sound document as a row of ops_schedules: fields that it omits have their defaults, and only columns that it can
-- set are filled.
-- Locks: none. Writes: nothing. Raises: class 22 for a time that there is not.
declare
  v_row ops_schedules;
begin
  v_row.name := p_name;
  v_row.cron := p_schedule ->> 'cron';
  v_row.every_seconds := (p_schedule ->> 'every_seconds')::integer;
  v_row.timezone := coalesce(p_schedule ->> 'timezone', 'UTC');
  v_row.event_type := p_schedule ->> 'event_type';
  v_row.data := case when v_row.event_type is not null then coalesce(nullif(p_schedule -> 'data', 'null'), '{}') end;
  v_row.template := nullif(p_schedule -> 'template', 'null');
  v_row.source := coalesce(p_schedule ->> 'source', 'schedule:' || p_name);
  v_row.overlap := coalesce(p_schedule ->> 'overlap', 'allow');
  v_row.catch_up := coalesce(p_schedule ->> 'catch_up', 'last');
  v_row.max_backlog := coalesce((p_schedule ->> 'max_backlog')::integer, 100);
  v_row.enabled := coalesce((p_schedule ->> 'enabled')::boolean, true);
  v_row.starts_at := _zoned(p_schedule ->> 'starts_at', v_row.timezone);
  v_row.ends_at := _zoned(p_schedule ->> 'ends_at', v_row.timezone);
  return v_row;
end;
$$;
