create or replace function _next_local(p_cron ops_cron, p_after timestamp)
returns timestamp
language plpgsql
immutable
set search_path from current
as $$
-- The first moment after p_after that a cron expression names, both as a clock on the wall shows them; null when there
-- is none in fifty years. It goes from day to day that is named, and from month to month where none is. Months of the
-- same length that begin on the same day of the week have the same days: those 28 kinds are looked at once each.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_minute constant timestamp := date_trunc('minute', p_after) + interval '1 minute';
  v_end constant date := p_after + interval '50 years';
  v_month date := date_trunc('month', v_minute);
  v_next date;
  v_kind integer;
  v_empty integer[] := '{}'::integer[];
  v_hour constant integer := extract(hour from v_minute);
  v_day integer := extract(day from v_minute);
  v_days integer[];
  v_at integer;
begin
  while v_month <= v_end loop
    v_next := v_month + interval '1 month';
    v_kind := (v_next - v_month) * 10 + extract(dow from v_month);
    if extract(month from v_month) = any (p_cron.months) and v_kind <> all (v_empty) then
      v_days := _cron_days(p_cron, v_month);
      if v_day = any (v_days) then
        v_at := case when v_hour = any (p_cron.hours) then
          (select min(n) from unnest(p_cron.minutes) n where n >= extract(minute from v_minute)) end;
        if v_at is not null then
          return date_trunc('hour', v_minute) + make_interval(mins => v_at);
        end if;
        v_at := (select min(n) from unnest(p_cron.hours) n where n > v_hour);
        if v_at is not null then
          return date_trunc('day', v_minute) + make_interval(hours => v_at, mins => p_cron.minutes[1]);
        end if;
      end if;
      v_at := (select min(n) from unnest(v_days) n where n > v_day);
      if v_at is not null then
        return v_month + make_interval(days => v_at - 1, hours => p_cron.hours[1], mins => p_cron.minutes[1]);
      end if;
      if v_days = '{}' then
        v_empty := v_empty || v_kind;
      end if;
    end if;
    v_month := v_next;
    v_day := 0;
  end loop;
  return null;
end;
$$;
