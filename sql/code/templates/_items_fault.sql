create or replace function _items_fault(p_path text, p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The fault of a list of items; an empty array when it is absent, null or sound. A text is a placeholder, which must be
-- all of it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if (case coalesce(jsonb_typeof(p_value), 'null')
       when 'null' then true
       when 'string' then p_value #>> '{}' ~ '^[{][{][^{}]*[}][}]$'
       when 'array' then jsonb_array_length(p_value) <= 1000
       else false end) then
    return '{}'::text[];
  end if;
  return array[format('%s: must be a list of at most 1000 items, or one placeholder, not %s', p_path,
                      left(p_value::text, 80))];
end;
$$;
