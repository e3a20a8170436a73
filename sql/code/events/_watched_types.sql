create or replace function _watched_types(p_matrix jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The types of event that any pattern of the reaction matrix could react to, as LIKE patterns. The loop's own events that
-- nobody watches are born processed: they were looked at when they were made.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce((
    select array_agg(distinct _like_pattern(g))
      from jsonb_array_elements(coalesce(p_matrix -> 'patterns', '[]')) p
     cross join lateral jsonb_array_elements_text(
             case jsonb_typeof(p -> 'event_type') when 'array' then p -> 'event_type' else jsonb_build_array(p -> 'event_type') end) g
     where coalesce((p ->> 'enabled')::boolean, true)), '{}');
end;
$$;
