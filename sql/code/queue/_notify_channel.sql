create or replace function _notify_channel()
returns text
language plpgsql
stable
set search_path from current
as $$
-- The channel that wakes the workers of this loop, one for each schema. Identifiers end at 63 bytes.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return left('opsloop_' || current_schema(), 63);
end;
$$;
