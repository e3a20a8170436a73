create or replace function _plain_text(p_value jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- A value as the text that risk rules match: a text as it is; of an array or object every value within, separated by
-- spaces (as JSON its quotes and line ends would be escaped and hide from a pattern). A missing value is the empty
-- text; null and empty containers are written as JSON.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if jsonb_typeof(p_value) in ('array', 'object') then
    -- As one array: as rows, each costs as much as there are.
    return coalesce((select string_agg(v, ' ')
                       from jsonb_array_elements_text(jsonb_path_query_array(
                              p_value, 'strict $.** ? (@.type() != "array" && @.type() != "object")', '{}', true)) v),
                    p_value::text);
  end if;
  return coalesce(p_value #>> '{}', p_value::text, '');
end;
$$;
