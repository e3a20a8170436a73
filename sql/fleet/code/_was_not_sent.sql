create or replace function _was_not_sent(p_message text)
returns boolean
language sql
immutable
set search_path from current
as $$
-- Whether PL/Proxy had no connection yet, so that another node may be asked in the place of this one: the name of the
-- call of libpq that failed is in its message, and nowhere else.
-- Locks: none. Writes: nothing. Raises: nothing.
  select starts_with(p_message, 'PL/Proxy function ') and position('] PQconnect' in p_message) > 0
$$;
