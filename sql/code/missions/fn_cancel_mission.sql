create or replace function fn_cancel_mission(
  p_mission_id uuid,
  p_actor text default null,
  p_reason text default null
)
returns text
language plpgsql
security definer
set search_path from current
as $$
-- Cancels a mission: steps that do not run are cancelled now, running steps are asked to stop and may still report; the
-- next heartbeat cancels the missions that steps of it wait for.
-- Cancelling a cancelled mission changes nothing and answers the same.
-- Locks: the mission, then its steps in id order. Writes: ops_missions, ops_agent_events, ops_audit_log, and what
-- _cancel_mission writes. Raises: OP012, OP083 unknown, OP014 ended otherwise, OP031.
declare
  v_mission ops_missions;
  v_actor text := coalesce(p_actor, _acting_login());
begin
  perform _lock_mission(p_mission_id);
  select * into v_mission from ops_missions where id = p_mission_id;
  if not found then
    perform _raise_unknown('mission', p_mission_id);
  end if;
  if v_mission.status = 'cancelled' then
    return v_mission.status;
  end if;
  if v_mission.status not in ('approved', 'running') then
    raise exception using errcode = 'OP014',
      message = format('OPS_014: mission %s has %s and cannot be cancelled', v_mission.id, v_mission.status),
      hint = 'Nothing of it runs any more.';
  end if;
  perform _cancel_mission(v_mission, v_actor, _acting_login(), p_reason);
  perform _audit('cancel', 'mission', v_mission.id::text, p_actor, p_reason,
    jsonb_build_object('was', v_mission.status));
  return 'cancelled';
end;
$$;
comment on function fn_cancel_mission(uuid, text, text) is
  'Cancels a mission as p_actor (default: the login): what is not running ends now, what runs is asked to stop. '
  'Returns cancelled. OPS_012 unknown, OPS_014 ended otherwise.';
