create or replace function _health_events(p_state jsonb)
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
as $$
-- For fn_check_health and fn_metrics: events and reactions that wait. p_state is the row of _present_state().
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  values
    ('opsloop_queued_events', (p_state ->> 'unprocessed_events')::numeric, p_state ->> 'unprocessed_events'),
    ('opsloop_queued_reactions', (p_state ->> 'queued_reactions')::numeric, null);
end;
$$;
