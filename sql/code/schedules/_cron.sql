create or replace function _cron(p_cron text)
returns ops_cron
language plpgsql
immutable
set search_path from current
as $$
-- A cron expression, read: five fields, or one of the words @hourly, @daily (@midnight), @weekly, @monthly and @yearly
-- (@annually). Fields of what cannot be read are null.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_text constant text := upper(btrim(p_cron));
  v_fields constant text[] := regexp_split_to_array(case v_text
    when '@HOURLY' then '0 * * * *' when '@DAILY' then '0 0 * * *' when '@MIDNIGHT' then '0 0 * * *'
    when '@WEEKLY' then '0 0 * * 0' when '@MONTHLY' then '0 0 1 * *' when '@YEARLY' then '0 0 1 1 *'
    when '@ANNUALLY' then '0 0 1 1 *' else v_text end, '[[:space:]]+');
  v_cron ops_cron;
begin
  if cardinality(v_fields) is distinct from 5 then
    return v_cron;
  end if;
  v_cron.minutes := _cron_field('minute', v_fields[1]);
  v_cron.hours := _cron_field('hour', v_fields[2]);
  v_cron.days := _cron_field('day of month', v_fields[3]);
  v_cron.months := _cron_field('month', v_fields[4]);
  v_cron.weekdays := _cron_field('day of week', v_fields[5]);
  v_cron.days_and := left(v_fields[3], 1) = '*' or left(v_fields[5], 1) = '*';
  v_cron.by_the_clock := left(v_fields[1], 1) <> '*' and left(v_fields[2], 1) <> '*';
  return v_cron;
end;
$$;
