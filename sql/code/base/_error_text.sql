create or replace function _error_text(p_sqlstate text, p_message text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The text of an error that is kept. An error of the loop has its code in its message; before that of any other its
-- SQLSTATE is put. Bounded, as messages quote the data that they refuse.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return left(case when p_sqlstate ~ '^OP[0-9]{3}$' then p_message else p_sqlstate || ': ' || p_message end, 8000);
end;
$$;
