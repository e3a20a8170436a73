create or replace function _caused_by(p_event_id uuid, p_key text)
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The causes of a proposal, as shown to a person: {"event": {"id", "type", "at"}, "schedule": {"name", "tick"},
-- "mission"}, each where there is one; null without any. mission (_mission_so_far): the one that made the event. p_key:
-- the dedupe_key of a proposal that comes of no event.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  if p_event_id is null then
    return nullif(jsonb_strip_nulls(jsonb_build_object('schedule', _schedule_of(p_key))), '{}');
  end if;
  return (
    select jsonb_strip_nulls(jsonb_build_object(
             'event', jsonb_build_object('id', e.id, 'type', e.type, 'at', e.created_at),
             'schedule', _schedule_of(e.dedupe_key)))
           || case when e.mission_id is null then '{}'
                   else jsonb_build_object('mission', _mission_so_far(e.mission_id)) end
      from ops_agent_events e
     where e.id = p_event_id);
end;
$$;
