create or replace function _template_digest(p_template jsonb, p_slots jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The digest that an approval counts for: of a template and the slots that were fixed when it was written.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return _digest(jsonb_build_array(p_template, p_slots));
end;
$$;
