create or replace function _has_unseen_events()
returns boolean
language plpgsql
stable
set search_path from current
as $$
-- Whether there are events that steps may wait for and that have not been given to them yet.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return _ready_count('events', 1) > 0 or exists (select from ops_awaited_events a where a.keep_until is null);
end;
$$;
