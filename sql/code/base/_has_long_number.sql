create or replace function _has_long_number(p_text text)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether the text of a document may hold a number beyond the range of a double: such a number alone has 309 digits.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return octet_length(p_text) >= 309 and p_text ~ '([0-9]{103}){3}';
end;
$$;
