create or replace function _matching_patterns(p_event_ids uuid[], p_patterns jsonb, p_only_waiting boolean)
returns table (event_id uuid, pattern_no integer, depth integer)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Event × pattern: which of the patterns (an array) react to which of these events, or of those that wait, cooldowns
-- apart, by event in the order given and by pattern. All conditions of a pattern must hold: event_type, every tag,
-- source, causation depth, and chance, which is a hash of event and pattern and so always the same. Types are compared
-- once, not for each event.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with event as materialized (
    select e.ord, v.id, v.type, v.data, v.depth
      from unnest(p_event_ids) with ordinality e (id, ord)
     -- Plans 1
     cross join lateral (select t.id, t.type, t.data, t.depth, t.processed_at from ops_agent_events t where t.id = e.id
                          union all
                         select t.id, t.type, t.data, t.depth, t.processed_at from _event(e.id) t
                          where not p_only_waiting
                          limit 1) v
     where v.processed_at is null or not p_only_waiting
  ), matching as materialized (
    select t.type, p.*
      from (select distinct e.type from event e) t
     cross join lateral _patterns_of(t.type, p_patterns) p
  )
  select e.id, m.no, e.depth
    from event e
    join matching m on m.type = e.type
   where _pattern_holds(m.tags, m.source, m.max_depth, e.data, e.depth)
     and (m.probability >= 1 or _chance(e.id::text || '/' || (m.pattern ->> 'name')) < m.probability)
   order by e.ord, m.no;
end;
$$;
