create or replace function _outbox_route(p_event_type text, p_policy jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- Where policy sends messages of this type: the first route of the document outbox whose event_type matches. Null when
-- there is none; then they wait.
-- Locks: none. Writes: nothing. Raises: nothing for a sound policy.
begin
  return (select r.route
            from jsonb_array_elements(nullif(p_policy -> 'routes', 'null')) with ordinality r (route, ord)
           -- Most routes have one glob, and are compared without a call.
           where case jsonb_typeof(r.route -> 'event_type')
                   when 'string' then r.route ->> 'event_type' = p_event_type
                                      or (strpos(r.route ->> 'event_type', '*') > 0
                                          and p_event_type like _like_pattern(r.route ->> 'event_type'))
                   else _matches_any(p_event_type, r.route -> 'event_type') end
           order by r.ord
           limit 1);
end;
$$;
