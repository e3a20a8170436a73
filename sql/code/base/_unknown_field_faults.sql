create or replace function _unknown_field_faults(p_path text, p_value jsonb, p_known text[])
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- A fault for every unknown field of an object: a misspelt field must not pass for an absent one.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if jsonb_typeof(p_value) is distinct from 'object' or p_value - p_known = '{}' then
    return '{}'::text[];
  end if;
  return (select array_agg(format('%s: unknown field; known are %s',
                                  case p_path when '' then k else p_path || '.' || k end,
                                  array_to_string(p_known, ', ')) order by k)
            from (select o as k from jsonb_object_keys(p_value - p_known) o limit 1001) u);
end;
$$;
