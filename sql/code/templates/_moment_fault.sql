create or replace function _moment_fault(p_path text, p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The fault of a field that says when: seconds, up to ten years, or a time with its zone. An empty array when it is
-- absent, null or sound.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if coalesce(jsonb_typeof(p_value), 'null') = 'null' or _moment(p_value, timestamptz '2000-01-01 00:00+00') is not null
  then
    return '{}'::text[];
  end if;
  return array[format('%s: must be seconds, 0 to 315360000, or a time such as 2030-01-31T09:00:00Z, not %s', p_path,
                      left(p_value::text, 80))];
end;
$$;
