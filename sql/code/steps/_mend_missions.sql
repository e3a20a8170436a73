create or replace function _mend_missions(p_mission_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Makes live missions follow from their steps after some of these were deleted or set by hand: steps that wait for
-- nothing more are queued, counters are counted again, and a mission whose last step has ended ends. Missions of which
-- another session has locked a row are left for the next sweep.
-- Locks: missions, then their steps, SKIP LOCKED. Writes: ops_missions, ops_mission_steps, ops_action_runs, ops_ready,
-- ops_agent_events. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_steps uuid[] := array(select s.id from ops_mission_steps s where s.mission_id = any (p_mission_ids));
  v_missions uuid[] := _lock_free_missions(v_steps);
  v_live uuid[] := array(select m.id from ops_missions m
                          where m.id = any (v_missions) and m.status in ('approved', 'running'));
begin
  perform _record_interrupted(array(select s.id from ops_mission_steps s where s.mission_id = any (v_live)));
  update ops_missions m
     set status = 'running', started_at = coalesce(m.started_at, v_now), updated_at = v_now
   where m.id = any (array(select s.mission_id from ops_mission_steps s
                            where s.mission_id = any (v_live) and s.status in ('running', 'succeeded')))
     and m.status = 'approved';
  perform _revive_missions(v_live);
end;
$$;
