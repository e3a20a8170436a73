create or replace function _masked(p_text text)
returns text
language plpgsql
immutable
parallel safe
set search_path from current
as $$
-- A message with ids and numbers masked (#), so that those of one cause are equal; its first 2,000 characters count.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return regexp_replace(regexp_replace(regexp_replace(
    left(p_text, 2000),
    '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}', '#', 'g'),
    -- Hexadecimal of 8 digits or more that is no word of letters alone.
    E'\\m(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}\\M', '#', 'g'),
    '[0-9]+([.,:][0-9]+)*', '#', 'g');
end;
$$;
