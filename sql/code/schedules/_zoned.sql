create or replace function _zoned(p_text text, p_zone text)
returns timestamptz
language plpgsql
stable
set search_path from current
as $$
-- A time as a text, in p_zone where it names none.
-- Locks: none. Writes: nothing. Raises: class 22 for a time that there is not.
begin
  return case when p_text ~ '(Z|[+-][0-9]{2}:[0-9]{2})$' then p_text::timestamptz
              else p_text::timestamp at time zone p_zone end;
end;
$$;
