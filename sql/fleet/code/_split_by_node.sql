create or replace function _split_by_node(p_batch jsonb, p_nodes integer[])
returns table (node integer, part jsonb, places bigint[])
language plpgsql
immutable
set search_path from current
as $$
-- A batch as the nodes are to get it, in order of node: the items of each in their order, and where these stand in the
-- batch. p_nodes has the node of every item; what has no items, or is no array, goes as it is to its first.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select n.node,
         case when jsonb_typeof(p_batch) = 'array'
              then coalesce(jsonb_agg(p_batch -> (n.no - 1)::integer order by n.no)
                              filter (where n.no <= jsonb_array_length(p_batch)), '[]')
              else p_batch end,
         array_agg(n.no order by n.no)
    from unnest(p_nodes) with ordinality n (node, no)
   group by n.node
   order by n.node;
end;
$$;
