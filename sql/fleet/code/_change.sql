create or replace function _change()
returns bigint
language plpgsql
set search_path from current
as $$
-- One pause, resume, kill, policy or layout at a time: what the nodes are to be told is now another.
-- Locks: fleet_state, to the end of the transaction. Writes: fleet_state. Raises: nothing.
declare
  v_generation bigint;
begin
  update fleet_state set generation = generation + 1 returning generation into v_generation;
  return v_generation;
end;
$$;
