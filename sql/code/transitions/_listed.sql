create or replace function _listed(p_name text, p_names jsonb)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a name stands in a list of a policy document, without regard to case.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_typeof(p_names) = 'array'
         and exists (select from jsonb_array_elements_text(p_names) n where lower(n) = lower(p_name));
end;
$$;
