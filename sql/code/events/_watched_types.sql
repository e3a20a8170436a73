create or replace function _watched_types(p_matrix jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The event types that any pattern of the reaction matrix could react to, as LIKE patterns. Events of the loop itself
-- that no pattern watches are stored as processed.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce((
    select array_agg(distinct _like_pattern(g))
      from jsonb_array_elements(coalesce(p_matrix -> 'patterns', '[]')) p
     cross join lateral jsonb_array_elements_text(
             case jsonb_typeof(p -> 'event_type') when 'array' then p -> 'event_type'
               else jsonb_build_array(p -> 'event_type') end) g
     where coalesce((p ->> 'enabled')::boolean, true)), '{}');
end;
$$;
