create or replace function _duration_bounds()
returns numeric[]
language plpgsql
immutable
set search_path from current
as $$
-- The upper bounds, in seconds, of the buckets in which durations of attempts are counted. A count keeps its
-- bucket: to change them needs a schema script that empties ops_attempt_counts.buckets.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 3600];
end;
$$;
