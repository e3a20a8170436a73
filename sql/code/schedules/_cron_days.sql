create or replace function _cron_days(p_cron ops_cron, p_month date)
returns integer[]
language plpgsql
immutable
set search_path from current
as $$
-- The days of a month, named by its first day, that a cron expression names, ascending; months are not looked at.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_last constant integer := extract(day from p_month + interval '1 month' - interval '1 day');
  v_first constant integer := extract(dow from p_month);
  -- The last day from Monday to Friday: from Saturday one back, from Sunday two.
  v_workday constant integer := v_last - case (v_first + v_last - 1) % 7 when 6 then 1 when 0 then 2 else 0 end;
begin
  return array(
    select d.day
      from (select n as day, (v_first + n - 1) % 7 as dow,
                   n = any (p_cron.days) or (n = v_last and 40 = any (p_cron.days))
                   or (n = v_workday and 41 = any (p_cron.days)) as is_day
              from generate_series(1, v_last) n) d
     where case when p_cron.days_and and not d.is_day then false
                when d.is_day and not p_cron.days_and then true
                else d.dow = any (p_cron.weekdays) or d.dow + 10 * ((d.day + 6) / 7) = any (p_cron.weekdays)
                     or (d.day + 7 > v_last and d.dow + 60 = any (p_cron.weekdays)) end
     order by d.day);
end;
$$;
