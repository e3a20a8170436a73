create or replace function _matching_patterns(p_event_ids uuid[], p_matrix jsonb)
returns table (ord bigint, event_id uuid, event jsonb, pattern_no bigint, pattern jsonb)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
as $$
-- Event × pattern: which patterns react to which events, cooldowns apart. All conditions of a pattern must hold:
-- event_type, every tag, source, causation depth, and chance, which is a hash of event and pattern and so the same
-- whenever it is asked.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select e.ord, v.id,
         jsonb_build_object('id', v.id, 'type', v.type, 'data', v.data, 'mission_id', v.mission_id,
                            'depth', v.depth, 'created_at', v.created_at),
         p.no, p.pattern
    from unnest(p_event_ids) with ordinality e (id, ord)
    join ops_agent_events v on v.id = e.id and v.processed_at is null
   cross join jsonb_array_elements(coalesce(p_matrix -> 'patterns', '[]')) with ordinality p (pattern, no)
   where coalesce((p.pattern ->> 'enabled')::boolean, true)
     and _matches_any(v.type, p.pattern -> 'event_type')
     and (coalesce(p.pattern -> 'tags', '[]') = '[]' or (v.data -> 'tags') @> (p.pattern -> 'tags'))
     and (p.pattern -> 'source' is null or (p.pattern -> 'source') ? (v.data ->> 'source'))
     and v.depth <= coalesce((p.pattern ->> 'max_depth')::integer, 5)
     and _chance(v.id::text || '/' || (p.pattern ->> 'name')) < coalesce((p.pattern ->> 'probability')::numeric, 1);
end;
$$;
