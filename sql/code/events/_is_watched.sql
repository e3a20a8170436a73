create or replace function _is_watched(p_type text, p_matrix jsonb)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether any pattern of the reaction matrix could react to an event of this type. The loop's own events that nobody
-- watches are born processed: they were looked at when they were made.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return exists (
    select from jsonb_array_elements(coalesce(p_matrix -> 'patterns', '[]')) p
     where coalesce((p ->> 'enabled')::boolean, true) and _matches_any(p_type, p -> 'event_type'));
end;
$$;
