create or replace function _patterns_of(p_type text, p_patterns jsonb)
returns table (no integer, pattern jsonb, tags jsonb, source jsonb, max_depth integer, probability numeric)
language plpgsql
immutable
rows 25
set search_path from current
as $$
-- Those of the patterns (an array) that react to events of this type, with their other conditions as _pattern_holds
-- and the caller, who knows the chance, compare them; tags and source are null where any will do.
-- Locks: none. Writes: nothing. Raises: nothing for sound patterns.
begin
  return query
  select p.no::integer, p.pattern, nullif(p.pattern -> 'tags', '[]'), p.pattern -> 'source',
         coalesce((p.pattern ->> 'max_depth')::integer, 5), coalesce((p.pattern ->> 'probability')::numeric, 1)
    from jsonb_array_elements(p_patterns) with ordinality p (pattern, no)
   where coalesce((p.pattern ->> 'enabled')::boolean, true) and _matches_any(p_type, p.pattern -> 'event_type');
end;
$$;
