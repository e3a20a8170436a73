create or replace function _moment(p_value jsonb, p_from timestamptz)
returns timestamptz
language plpgsql
immutable
set search_path from current
as $$
-- When: p_from and so many seconds more, up to ten years, or the time that a text says, such as 2030-01-31T09:00:00Z.
-- Null for anything else. A text is cast only when it is known to be a time with its zone: so the answer depends on no
-- setting, and nothing is raised.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_parts text[];
begin
  case jsonb_typeof(p_value)
    when 'number' then
      if p_value::numeric between 0 and 315360000 then
        return p_from + make_interval(secs => round(p_value::numeric, 6)::double precision);
      end if;
    when 'string' then
      v_parts := regexp_match(p_value #>> '{}',
        '^([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[T ]([01][0-9]|2[0-3]):[0-5][0-9]'
        '(:[0-5][0-9]([.][0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$');
      -- The days of a month: those up to the first of the next.
      if v_parts is not null
         and v_parts[3]::integer <= extract(day from make_date(v_parts[1]::integer, v_parts[2]::integer, 1)
                                                     + interval '1 month' - interval '1 day') then
        return (p_value #>> '{}')::timestamptz;
      end if;
    else
      null;
  end case;
  return null;
end;
$$;
