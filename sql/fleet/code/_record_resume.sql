create or replace function _record_resume(p_scope text, p_target text)
returns integer[]
language plpgsql
set search_path from current
as $$
-- Writes down that a pause is lifted and returns the nodes to be told.
-- Locks: fleet_state. Writes: fleet_pauses, fleet_state. Raises: OP089 for a schedule.
begin
  if p_scope = 'schedule' then
    raise exception using errcode = 'OP089', message = 'OPS_089: a schedule is paused on the node that has it',
      hint = 'Connect to the node.';
  end if;
  if p_scope = 'mission' then
    return array[_route_id(p_target::uuid)];
  end if;
  perform _change();
  delete from fleet_pauses p where p.scope = p_scope and p.target = coalesce(p_target, '');
  return _nodes();
end;
$$;
