create or replace function _lock_missions_of(p_step_ids uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Locks the missions of these steps and then all steps of those missions, each in id order, in statements of their
-- own: the lock order that every routine keeps which may end or revive a mission. Returns the missions.
-- Locks: ops_missions, then ops_mission_steps, FOR NO KEY UPDATE. Writes: nothing. Raises: nothing.
declare
  v_missions uuid[];
begin
  -- least() is just the id, but no index is in its order: walked in that order, whatever the condition, the index would be
  -- read from end to end where the table was empty when its statistics were taken.
  select array_agg(distinct least(s.mission_id)) into v_missions from ops_mission_steps s where s.id = any (p_step_ids);
  perform from ops_missions m where m.id = any (v_missions) order by m.id for no key update;
  perform from ops_mission_steps s where s.mission_id = any (v_missions) order by least(s.id) for no key update;
  return v_missions;
end;
$$;
