create or replace function _template_digest(p_template jsonb, p_slots jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- What an approval counts for: the digest of a template with the slots that were fixed when it was written.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return _digest(jsonb_build_array(p_template, p_slots));
end;
$$;
