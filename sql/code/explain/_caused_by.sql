create or replace function _caused_by(p_event_id uuid)
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- What led to a proposal, as a person has to see it: {"event": {"id", "type", "at"}, "mission"}; null without an event,
-- and mission (_mission_so_far) only where one made the event.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select jsonb_strip_nulls(jsonb_build_object(
             'event', jsonb_build_object('id', e.id, 'type', e.type, 'at', e.created_at)))
           || case when e.mission_id is null then '{}'
                   else jsonb_build_object('mission', _mission_so_far(e.mission_id)) end
      from ops_agent_events e
     where e.id = p_event_id);
end;
$$;
