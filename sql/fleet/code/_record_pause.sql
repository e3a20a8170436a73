create or replace function _record_pause(
  p_paused boolean,
  p_scope text,
  p_target text,
  p_actor text default null,
  p_reason text default null
)
returns integer[]
language plpgsql
set search_path from current
as $$
-- Writes a pause down, or that it is lifted, and returns the nodes to be told: a mission has one, what else is paused
-- is so on all. What no node would take is refused here: no node could be told it, and then none would hand out work.
-- Locks: fleet_state. Writes: fleet_pauses, fleet_state. Raises: OP012, OP018, OP023; OP089 for a schedule.
declare
  v_target constant text := _check_scope(p_scope, p_target);
begin
  perform _check_text('p_actor', p_actor, 500), _check_text('p_reason', p_reason, 10000);
  if p_scope = 'schedule' then
    raise exception using errcode = 'OP089', message = 'OPS_089: a schedule is paused on the node that has it',
      hint = 'Connect to the node.';
  elsif p_scope = 'mission' then
    return array[_route_id(v_target::uuid)];
  end if;
  perform _change();
  if p_paused then
    insert into fleet_pauses (scope, target, reason, paused_by)
    values (p_scope, v_target, p_reason, coalesce(p_actor, session_user))
    on conflict do nothing;
  else
    delete from fleet_pauses p where p.scope = p_scope and p.target = v_target;
  end if;
  return _nodes();
end;
$$;
