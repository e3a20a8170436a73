create or replace function _fleet_server(p_node integer)
returns text
language sql
immutable
as $$
  -- What PL/Proxy calls a node: the name of a cluster of one.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select 'opsloop_node_' || p_node;
$$;
