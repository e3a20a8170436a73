create or replace function _regex_fault(p_path text, p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- A fault when a value is no regular expression that the database accepts.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if jsonb_typeof(p_value) is distinct from 'string' then
    return array[format('%s: must be a regular expression, not %s', p_path, left(p_value::text, 80))];
  end if;
  begin
    perform '' ~* (p_value #>> '{}');
  exception when invalid_regular_expression then
    return array[format('%s: %s: %s', p_path, sqlerrm, left(p_value::text, 80))];
  end;
  return '{}'::text[];
end;
$$;
