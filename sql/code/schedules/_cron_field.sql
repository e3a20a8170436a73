create or replace function _cron_field(p_field text, p_text text)
returns integer[]
language plpgsql
immutable
set search_path from current
as $$
-- The values of one field of a cron expression in capitals, ascending, coded as in ops_cron; null when it cannot be
-- read. A list of terms, each *, a value, a range, or one of these with a step; a value with a step runs to the end.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_months constant text[] := '{JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC}';
  c_days constant text[] := '{SUN,MON,TUE,WED,THU,FRI,SAT}';
  v_least constant integer := case when p_field in ('day of month', 'month') then 1 else 0 end;
  v_most constant integer := case p_field when 'minute' then 59 when 'hour' then 23 when 'day of month' then 31
                                          when 'month' then 12 else 7 end;
  v_names constant text[] := case p_field when 'month' then c_months when 'day of week' then c_days end;
  v_values integer[] := '{}'::integer[];
  v_term text;
  v_parts text[];
  v_from integer;
  v_to integer;
  v_step integer;
begin
  if length(p_text) > 500 then
    return null;
  end if;
  foreach v_term in array string_to_array(p_text, ',') loop
    if p_field = 'day of month' and v_term in ('L', 'LW') then
      v_values := v_values || case v_term when 'L' then 40 else 41 end;
      continue;
    end if;
    v_parts := regexp_match(v_term, '^([*]|([0-9]{1,2}|[A-Z]{3})(-([0-9]{1,2}|[A-Z]{3}))?)(/([0-9]{1,4}))?$');
    if v_parts is null and p_field = 'day of week' then
      v_parts := regexp_match(v_term, '^()([0-7]|[A-Z]{3})(#([1-5])|L)$');
      v_from := _cron_value(v_parts[2], v_names, v_least);
      if v_from is null then
        return null;
      end if;
      v_values := v_values || (v_from % 7 + 10 * coalesce(v_parts[4]::integer, 6));
      continue;
    end if;
    v_from := case v_parts[1] when '*' then v_least else _cron_value(v_parts[2], v_names, v_least) end;
    v_to := case when v_parts[1] = '*' or (v_parts[3] is null and v_parts[5] is not null) then v_most
                 when v_parts[3] is null then v_from else _cron_value(v_parts[4], v_names, v_least) end;
    v_step := coalesce(v_parts[6]::integer, 1);
    if v_from is null or v_to is null or v_from < v_least or v_to > v_most or v_to < v_from or v_step = 0 then
      return null;
    end if;
    v_values := v_values || array(select case p_field when 'day of week' then n % 7 else n end
                                    from generate_series(v_from, v_to, v_step) n);
  end loop;
  return array(select distinct n from unnest(v_values) n order by n);
end;
$$;
