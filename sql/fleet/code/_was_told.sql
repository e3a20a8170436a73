create or replace function _was_told(
  p_node integer,
  p_fault text default null,
  p_kills integer default null,
  p_generation bigint default null,
  p_fault_code text default null
)
returns void
language plpgsql
set search_path from current
as $$
-- Notes what a node was told: how many kills reached it and the generation, where it was that; or why it could not be
-- told. Where another call is noting something of it nothing is noted, so that a kill waits for nobody: the node is
-- then told once more.
-- Locks: the row of the node, SKIP LOCKED. Writes: fleet_nodes. Raises: nothing.
begin
  update fleet_nodes n
     set fault = p_fault,
         fault_code = p_fault_code,
         answered_at = case when p_fault is null then clock_timestamp() else n.answered_at end,
         kills = coalesce(p_kills, n.kills),
         generation = coalesce(p_generation, n.generation)
   where n.node = (select l.node from fleet_nodes l where l.node = p_node for no key update skip locked);
end;
$$;
