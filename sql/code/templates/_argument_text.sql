create or replace function _argument_text(p_value jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- A text, number or boolean as an argument of a command: equal values, one text. Other values are null.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case jsonb_typeof(p_value)
    when 'string' then p_value #>> '{}'
    when 'number' then _written_form(p_value)
    when 'boolean' then p_value #>> '{}' end;
end;
$$;
