create or replace function _step_results(p_mission_id uuid, p_slots jsonb)
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Results of the succeeded steps of a mission that slots refer to, by step key.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select coalesce(jsonb_object_agg(s.key, s.result), '{}')
      from ops_mission_steps s
     where s.mission_id = p_mission_id
       and s.status = 'succeeded'
       and s.key in (select split_part(g ->> 'ref', '.', 2)
                       from jsonb_array_elements(p_slots) slot
                      cross join lateral jsonb_array_elements(slot -> 'segments') g
                      where g ->> 'ref' like 'steps.%'));
end;
$$;
