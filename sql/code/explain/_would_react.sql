create or replace function _would_react(p_event jsonb, p_patterns jsonb)
returns table (pattern text, template jsonb, fault text)
language plpgsql
stable
set search_path from current
as $$
-- Which of these patterns would react to an event that nobody emitted, {"type", "data", "depth", …}, and what they
-- would propose, filled in; fault where a placeholder has no value. It is what _matching_patterns says of recorded
-- events, but for chance, which needs an event's id: a pattern reacts unless it never does. Cooldowns play no part.
-- Locks: none. Writes: nothing. Raises: nothing for sound patterns.
begin
  return query
  select p.pattern ->> 'name', f.template -> 'template', f.fault
    from jsonb_array_elements(coalesce(nullif(p_patterns, 'null'), '[]')) with ordinality p (pattern, no)
   cross join lateral jsonb_build_object('template', p.pattern -> 'template') w (written)
   cross join lateral _fill_event(w.written, _template_slots(w.written), p_event) f
   where coalesce((p.pattern ->> 'enabled')::boolean, true)
     and _matches_any(p_event ->> 'type', p.pattern -> 'event_type')
     and coalesce(p_event #> '{data,tags}' @> nullif(p.pattern -> 'tags', '[]'), p.pattern -> 'tags' is null
                  or p.pattern -> 'tags' = '[]')
     and coalesce(p.pattern -> 'source' ? (p_event #>> '{data,source}'), p.pattern -> 'source' is null)
     and (p_event ->> 'depth')::integer <= coalesce((p.pattern ->> 'max_depth')::integer, 5)
     and coalesce((p.pattern ->> 'probability')::numeric, 1) > 0
   order by p.no;
end;
$$;
