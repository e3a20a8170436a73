create or replace function _pattern_holds(
  p_tags jsonb,
  p_source jsonb,
  p_max_depth integer,
  p_data jsonb,
  p_depth integer
)
returns boolean
language sql
immutable
parallel safe
as $$
  -- Whether an event of this depth, with these data, has every tag of a pattern (_patterns_of), one of its sources, and
  -- is no deeper than it takes; not true where it lacks what the pattern asks for. Plans 6: asked of each event and
  -- each pattern of its type.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select (p_tags is null or (p_data operator(pg_catalog.->) 'tags') operator(pg_catalog.@>) p_tags)
     and (p_source is null or p_source operator(pg_catalog.?) (p_data operator(pg_catalog.->>) 'source'))
     and p_depth operator(pg_catalog.<=) p_max_depth;
$$;
