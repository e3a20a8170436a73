create or replace function _last_ready_number()
returns bigint
language plpgsql
set search_path from current
as $$
-- The last seq that any session has drawn from ops_ready_seq, committed or not; 0 before the first.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce(pg_sequence_last_value('ops_ready_seq'), 0);
end;
$$;
