create or replace function _move_side(p_move ops_moves)
returns text
language plpgsql
stable
set search_path from current
as $$
-- source in the database that the loop leaves, target in any other: there it came out of a dump.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_move.origin = _database_identity() then 'source' else 'target' end;
end;
$$;
