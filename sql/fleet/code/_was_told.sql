create or replace function _was_told(p_node integer, p_fault text default null)
returns void
language plpgsql
set search_path from current
as $$
-- Notes that a node was told of every kill so far, or why it could not be.
-- Locks: the row of the node. Writes: fleet_nodes. Raises: nothing.
begin
  update fleet_nodes n
     set fault = p_fault,
         answered_at = case when p_fault is null then clock_timestamp() else n.answered_at end,
         kills = case when p_fault is null then s.kills else n.kills end
    from fleet_state s
   where n.node = p_node;
end;
$$;
