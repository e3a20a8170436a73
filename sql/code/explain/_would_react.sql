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
    from _patterns_of(p_event ->> 'type', coalesce(nullif(p_patterns, 'null'), '[]')) p
   cross join lateral jsonb_build_object('template', p.pattern -> 'template') w (written)
   cross join lateral _fill_event(w.written, _template_slots(w.written), p_event) f
   where _pattern_holds(p.tags, p.source, p.max_depth, p_event -> 'data', (p_event ->> 'depth')::integer)
     and p.probability > 0
   order by p.no;
end;
$$;
