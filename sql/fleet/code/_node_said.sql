create or replace function _node_said(p_message text)
returns text
language sql
immutable
set search_path from current
as $$
-- A message as the node wrote it: PL/Proxy puts words before it.
-- Locks: none. Writes: nothing. Raises: nothing.
  select regexp_replace(p_message, E'^\\S+\\(\\d+\\): \\[.*?\\] REMOTE \\w+: ', '')
$$;
