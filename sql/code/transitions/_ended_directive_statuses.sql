create or replace function _ended_directive_statuses()
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The statuses in which a directive has ended: it takes no transition any more, and what belongs to it may go.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array['completed', 'cancelled', 'deferred'];
end;
$$;
