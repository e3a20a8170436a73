create or replace function _error_text(p_sqlstate text, p_message text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The text of an error that is kept: the message, behind its code (_error_code) unless it begins with it already.
-- Bounded, as messages quote the data that they refuse.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return left(case when starts_with(p_message, _error_code(p_sqlstate) || ': ') then p_message
                   else _error_code(p_sqlstate) || ': ' || p_message end, 8000);
end;
$$;
