create or replace function _mission_event(p_mission_id uuid, p_title text, p_proposal_id uuid, p_steps_total integer)
returns jsonb
language sql
stable
parallel safe
as $$
  -- The data of an event about the end of a mission. Plans 6: completions call it for every mission.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select pg_catalog.jsonb_build_object('mission_id', p_mission_id, 'title', p_title, 'proposal_id', p_proposal_id,
                                       'steps_total', p_steps_total);
$$;
