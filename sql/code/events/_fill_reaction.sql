create or replace function _fill_reaction(p_written jsonb, p_slots jsonb, p_event_id uuid)
returns table (payload jsonb, fault text, fault_code text)
language plpgsql
stable
set search_path from current
as $$
-- The payload of a reaction: p_written (template and dedupe key of the pattern) with the event's values filled into
-- p_slots, and the slots that results of steps will fill later. fault names the first path that cannot be filled.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_event jsonb;
begin
  select jsonb_build_object('id', e.id, 'type', e.type, 'data', e.data, 'mission_id', e.mission_id, 'depth', e.depth,
                            'created_at', e.created_at)
    into v_event
    from _event(p_event_id) e;
  return query
  select f.template || jsonb_build_object(
           'slots', (select coalesce(jsonb_agg(jsonb_set(s, '{path}', (s -> 'path') - 0)), '[]')
                       from jsonb_array_elements(coalesce(f.slots, '[]')) s)), f.fault, f.fault_code
    from _fill_event(p_written, p_slots, v_event) f;
end;
$$;
