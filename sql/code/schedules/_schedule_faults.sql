create or replace function _schedule_faults(p_name text, p_schedule jsonb)
returns text[]
language plpgsql
stable
set search_path from current
as $$
-- The faults of a schedule; an empty array when it is sound. A property of the whole, such as the first tick, is looked
-- at when the fields are sound.
-- Locks: none. Writes: nothing. Raises: OP045 for what is too large.
declare
  v_defs constant jsonb := _schedules_schema() -> '$defs';
  v_cron constant text := p_schedule ->> 'cron';
  v_zone constant text := coalesce(p_schedule ->> 'timezone', 'UTC');
  v_schedule ops_schedules;
  v_faults text[];
begin
  if jsonb_typeof(p_schedule) is distinct from 'object' then
    return array['schedule: must be an object'];
  end if;
  perform _check_template('p_schedule', p_schedule, 'template_bytes');
  v_faults := array(select ltrim(f, '.')
                      from unnest(_schema_faults('', (p_schedule || jsonb_build_object('name', p_name))
                                                     - case when p_schedule ->> 'template' is null then 'template'
                                                            else '' end,
                                                 v_defs -> 'schedule', v_defs)) f);
  if v_faults <> '{}' then
    return v_faults;
  end if;

  v_faults := case when num_nonnulls(v_cron, p_schedule ->> 'every_seconds') <> 1
                   then array['cron: give either cron or every_seconds'] else '{}'::text[] end
    || case when num_nonnulls(p_schedule ->> 'event_type', p_schedule ->> 'template') <> 1
            then array['event_type: give either event_type or template'] end
    || case when p_schedule ->> 'data' is not null and p_schedule ->> 'template' is not null
            then array['data: belongs to an event; the params of a template''s steps hold what they need'] end
    || case when p_schedule ->> 'source' like any (_reserved_names('source'))
            then array['source: trigger, step:* and schedule:* are reserved for the loop itself; left out, it is '
                       'schedule:' || p_name] end
    || _cron_faults(v_cron)
    || _zone_faults(v_zone)
    || case when p_schedule ->> 'event_type' is not null then array(
         select regexp_replace(f, '^type:', 'event_type:')
           from unnest(_event_faults(jsonb_build_object('type', p_schedule -> 'event_type',
                                                        'data', p_schedule -> 'data'))) f) end
    || case when p_schedule ->> 'template' is not null then array(
         select 'template.' || f from unnest(_template_faults(p_schedule -> 'template', false)) f) end;
  if v_faults <> '{}' then
    return v_faults;
  end if;
  begin
    v_schedule := _as_schedule(p_name, p_schedule);
  exception when data_exception then
    return array['starts_at: there is no such time as starts_at or ends_at names'];
  end;
  if v_schedule.ends_at <= v_schedule.starts_at then
    return array['ends_at: must be after starts_at'];
  end if;
  if _ticks(v_schedule, greatest(_now(), v_schedule.starts_at), null, 1) = '{}' and v_schedule.ends_at is null then
    return array[format('cron: %s names no date that comes in the next fifty years', quote_literal(v_cron))];
  end if;
  return '{}'::text[];
end;
$$;
