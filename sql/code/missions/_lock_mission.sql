create or replace function _lock_mission(p_mission_id uuid)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
set lock_timeout = '2s'
as $$
-- For the decision of a person: locks a mission, then all its steps, in the order of _lock_missions_of. A worker that
-- has them in an open transaction is waited for, two seconds for each, and then named.
-- Locks: the mission, then its steps in id order, FOR NO KEY UPDATE. Writes: nothing. Raises: OP031.
begin
  perform from ops_missions m where m.id = p_mission_id for no key update;
  -- Plans 3
  perform from ops_mission_steps s where s.mission_id = p_mission_id order by least(s.id) for no key update;
exception when lock_not_available then
  perform _raise_held(format('mission %s', p_mission_id), 'ops_mission_steps',
    array(select m.xmax from ops_missions m where m.id = p_mission_id)
    || array(select s.xmax from ops_mission_steps s where s.mission_id = p_mission_id));
end;
$$;
