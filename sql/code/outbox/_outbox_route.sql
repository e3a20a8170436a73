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
           where _matches_any(p_event_type, r.route -> 'event_type')
           order by r.ord
           limit 1);
end;
$$;
