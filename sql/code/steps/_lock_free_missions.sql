create or replace function _lock_free_missions(p_step_ids uuid[])
returns uuid[]
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Locks missions and their steps in the order of _lock_missions_of, but never waits: for heartbeats. Returns only the
-- missions of which the mission and all steps could be locked at once; the others are tried again later.
-- Locks: ops_missions, then ops_mission_steps, FOR NO KEY UPDATE SKIP LOCKED. Writes: nothing. Raises: nothing.
declare
  v_missions uuid[];
  v_steps uuid[];
begin
  select array_agg(l.id) into v_missions
    from (select m.id from ops_missions m
           where m.id = any (array(select s.mission_id from ops_mission_steps s where s.id = any (p_step_ids)))
           order by m.id
             for no key update skip locked) l;
  select coalesce(array_agg(l.id), '{}') into v_steps
    from (select s.id from ops_mission_steps s
           where s.mission_id = any (v_missions)
           order by least(s.id)  -- Plans 3
             for no key update skip locked) l;
  return array(
    select f.id from unnest(v_missions) f (id)
     -- Plans 4: merged, it could be read in the order of the primary key, by a scan of all steps.
     where f.id not in (select s.mission_id
                          from (select t.id, t.mission_id from ops_mission_steps t
                                 where t.mission_id = any (v_missions) offset 0) s
                          left join unnest(v_steps) l (id) on l.id = s.id
                         where l.id is null));
end;
$$;
