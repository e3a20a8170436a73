create or replace function _lock_missions_of(p_step_ids uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Locks the missions of these steps, then all steps of those missions, each in id order and in a statement of its own.
-- Every routine that may end or revive a mission locks in this order; without it completions of a fan-out deadlock.
-- Returns the missions.
-- Locks: ops_missions, then ops_mission_steps, FOR NO KEY UPDATE. Writes: nothing. Raises: nothing.
declare
  v_missions uuid[];
begin
  -- Plans 3, twice.
  select array_agg(distinct least(s.mission_id)) into v_missions from ops_mission_steps s where s.id = any (p_step_ids);
  perform from ops_missions m where m.id = any (v_missions) order by m.id for no key update;
  perform from ops_mission_steps s where s.mission_id = any (v_missions) order by least(s.id) for no key update;
  return v_missions;
end;
$$;
