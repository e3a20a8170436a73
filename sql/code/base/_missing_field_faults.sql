create or replace function _missing_field_faults(p_path text, p_value jsonb, p_required text[])
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- A fault for every required field that is missing in an object, or null.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array(select format('%s: is missing', case p_path when '' then r else p_path || '.' || r end)
                 from unnest(p_required) r
                where coalesce(jsonb_typeof(p_value -> r), 'null') = 'null');
end;
$$;
