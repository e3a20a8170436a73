create or replace function _plain_text(p_value jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- A value as the text that risk rules look at: a text as it is, of a list or an object every value within, separated by
-- spaces (written as JSON, its quotes and line ends would be escaped and hide from a pattern). What is not there is the
-- empty text; null and what holds nothing are written as JSON.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if jsonb_typeof(p_value) in ('array', 'object') then
    return coalesce((select string_agg(v #>> '{}', ' ')
                       from jsonb_path_query(p_value, 'strict $.** ? (@.type() != "array" && @.type() != "object")', '{}', true) v),
                    p_value::text);
  end if;
  return coalesce(p_value #>> '{}', p_value::text, '');
end;
$$;
