create or replace function _cron_faults(p_cron text)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a cron expression, one for each field that cannot be read, with what it may hold; none for null.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_cron constant ops_cron := _cron(p_cron);
  v_fields constant text[] := regexp_split_to_array(btrim(p_cron), '[[:space:]]+');
begin
  if p_cron is null then
    return '{}'::text[];
  end if;
  if v_cron.days_and is null then
    return array[format('cron: must be five fields (minute, hour, day of month, month, day of week) or one of @hourly, '
                        '@daily, @weekly, @monthly and @yearly, not %s', quote_literal(left(p_cron, 80)))];
  end if;
  return array(
    select format('cron: %s %s: must be %s', f.name, quote_literal(left(v_fields[f.no], 80)), f.rule)
      from (values
        (1, 'minute', v_cron.minutes, '0 to 59, *, a range 0-29, a step */5, or a list of these'),
        (2, 'hour', v_cron.hours, '0 to 23, *, a range 8-17, a step */2, or a list of these'),
        (3, 'day of month', v_cron.days, '1 to 31, *, a range, a step, L (the last day), LW (the last from Monday to '
                                         'Friday), or a list of these'),
        (4, 'month', v_cron.months, '1 to 12, jan to dec, *, a range, a step, or a list of these'),
        (5, 'day of week', v_cron.weekdays, '0 to 7 (0 and 7 are Sunday), sun to sat, *, a range, a step, 1#2 (the '
                                            'second Monday), 5L (the last Friday), or a list of these')
      ) f (no, name, found, rule)
     where f.found is null
     order by f.no);
end;
$$;
