create or replace function _caused_by(p_event_id uuid)
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- What led to a proposal, as a person has to see it: {"event": {"id", "type", "at"}, "mission": {"id", "title",
-- "status", "steps": [{"key", "status", "result"}]}}; null without an event, and mission only where one made the event.
-- The first 20 steps, each result cut at 200 characters.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select jsonb_build_object('event', jsonb_build_object('id', e.id, 'type', e.type, 'at', e.created_at))
           || case when m.id is null then '{}' else jsonb_build_object('mission', jsonb_build_object(
                'id', m.id, 'title', m.title, 'status', m.status, 'steps', s.steps)) end
      from ops_agent_events e
      left join lateral (select t.* from ops_missions t where t.id = e.mission_id limit 1) m on true
      left join lateral (
        select coalesce(jsonb_agg(jsonb_build_object('key', w.key, 'status', w.status, 'result',
                                                     left(w.result::text, 200)) order by w.position), '[]') as steps
          from (select t.* from ops_mission_steps t where t.mission_id = m.id order by t.position limit 20) w) s on true
     where e.id = p_event_id);
end;
$$;
