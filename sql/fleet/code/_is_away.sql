create or replace function _is_away(p_sqlstate text, p_message text)
returns boolean
language sql
immutable
set search_path from current
as $$
-- Whether an error says that a node does not answer, or is starting, stopping or full. What PL/Proxy itself has to say,
-- and nothing of a node, is an internal error that begins with its name: it has no SQLSTATE for it.
-- Locks: none. Writes: nothing. Raises: nothing.
  select p_sqlstate ~ '^(08|53|57P|OP029)' or p_sqlstate = 'XX000' and starts_with(p_message, 'PL/Proxy function ')
$$;
