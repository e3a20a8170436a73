create or replace function _cancel_mission(p_mission ops_missions, p_actor text, p_login text, p_reason text)
returns void
language plpgsql
set search_path from current
as $$
-- Cancels a mission that has not ended, and tells of it. p_login: the login whose decision it is, null for the loop
-- itself. The caller holds the mission and its steps.
-- Locks: none of its own. Writes: ops_missions, ops_agent_events, and what _cancel_steps and _tell_parents write.
-- Raises: nothing.
declare
  v_now constant timestamptz := _now();
begin
  perform _cancel_steps(array[p_mission.id], 'its mission was cancelled');
  update ops_missions m
     set status = 'cancelled', completed_at = v_now, updated_at = v_now, steps_open = 0,
         error = format('cancelled by %s%s%s', p_actor, ' (login ' || p_login || ')', ': ' || p_reason)
   where m.id = p_mission.id;
  perform _settle_missions(array[p_mission.id]);
  perform _emit_loop_events(array['mission:cancelled'],
    array[jsonb_build_object('mission_id', p_mission.id, 'title', p_mission.title, 'actor', p_actor, 'login', p_login,
                             'reason', p_reason)],
    array[p_mission.id], array[p_mission.depth], p_login);
  if p_mission.parent_step_id is not null then
    perform _tell_parents(array[p_mission.parent_step_id]);
  end if;
end;
$$;
