create or replace function _is_deeper(p_value jsonb, p_depth integer)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a value lies within more than p_depth arrays and objects of a document.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce(jsonb_path_exists(p_value, format('strict $.**{%s}', p_depth + 1)::jsonpath, '{}', true), false);
end;
$$;
