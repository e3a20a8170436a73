create or replace function _is_event_reference(p_ref text)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a placeholder refers to a field that every event has, or to a path in its data.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return p_ref ~ E'^event\\.(id|type|depth|mission_id|created_at|data(\\.[^.]+)*)$';
end;
$$;
