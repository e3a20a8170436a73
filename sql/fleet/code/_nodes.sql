create or replace function _nodes(p_node integer default null)
returns integer[]
language plpgsql
stable
set search_path from current
as $$
-- All nodes, or the one given; those that did not answer the last time come last, so that they keep nobody waiting.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_node is not null then array[p_node]
              else array(select n.node from fleet_nodes n where n.status <> 'gone' order by n.fault is not null, n.node)
         end;
end;
$$;
