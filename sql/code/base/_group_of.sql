create or replace function _group_of(p_text text)
returns text
language plpgsql
immutable
parallel safe
set search_path from current
as $$
-- The name of the group of messages that are equal but for ids and numbers: 8 hexadecimal digits.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return left(encode(sha256(convert_to(_masked(coalesce(p_text, '')), 'UTF8')), 'hex'), 8);
end;
$$;
