create or replace function _missing_results(p_mission_id uuid, p_slots jsonb)
returns text
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Which steps of the mission slots refer to that have no row any more, as a sentence; null where all have.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select format('needs the result of step %s, whose row is gone', string_agg(distinct r.key, ', '))
      from (select split_part(g ->> 'ref', '.', 2) as key
              from jsonb_array_elements(p_slots) slot
             cross join lateral jsonb_array_elements(slot -> 'segments') g
             where g ->> 'ref' like 'steps.%') r
     where not exists (select from ops_mission_steps s where s.mission_id = p_mission_id and s.key = r.key)
    having count(*) > 0);
end;
$$;
