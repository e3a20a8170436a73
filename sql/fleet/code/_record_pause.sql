create or replace function _record_pause(p_scope text, p_target text, p_actor text, p_reason text)
returns integer[]
language plpgsql
set search_path from current
as $$
-- Writes a pause down and returns the nodes to be told: a mission has one, what else is paused is so on all. A scope
-- that cannot be is left to the first node to refuse.
-- Locks: fleet_state. Writes: fleet_pauses, fleet_state. Raises: OP089 for a schedule.
begin
  if p_scope = 'schedule' then
    raise exception using errcode = 'OP089', message = 'OPS_089: a schedule is paused on the node that has it',
      hint = 'Connect to the node.';
  end if;
  if p_scope = 'mission' then
    return array[_route_id(p_target::uuid)];
  end if;
  if p_scope in ('all', 'executor', 'agent', 'kind', 'source') then
    perform _change();
    insert into fleet_pauses (scope, target, reason, paused_by)
    values (p_scope, coalesce(p_target, ''), p_reason, coalesce(p_actor, session_user))
    on conflict do nothing;
  end if;
  return _nodes();
end;
$$;
