create or replace function _adopt_steps(p_step_ids uuid[])
returns integer
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Puts steps into the queue that were set to queued by hand, or blocks them while their dependencies have not ended; a
-- mission that had ended comes back to life. An attempt that was running is recorded as lost. Returns how many steps
-- there were. Missions of which another session has locked a row are left out; the next sweep finds their steps again.
-- Locks: missions, then their steps, SKIP LOCKED. Writes: ops_mission_steps, ops_missions, ops_ready, ops_lanes,
-- ops_parked_steps, ops_action_runs. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_missions uuid[] := _lock_free_missions(p_step_ids);
  v_ids uuid[];
begin
  select array_agg(s.id) into v_ids
    from ops_mission_steps s
   where s.id = any (p_step_ids) and s.mission_id = any (v_missions) and s.status = 'queued' and s.run_after is null
     and not exists (select from ops_ready r where r.lane = s.lane and r.seq = s.ready_seq);
  if v_ids is null then
    return 0;
  end if;
  perform _record_interrupted(v_ids);
  update ops_mission_steps s
     set status = 'blocked', wait_reason = null, lease_token = null, cancel_requested = false, updated_at = v_now,
         last_error_code = case when s.last_error is not null then s.last_error_code end
   where s.id = any (v_ids);
  perform _unpark_steps(v_ids);
  -- Plans 3
  perform _revive_missions(array_agg(distinct least(s.mission_id))) from ops_mission_steps s where s.id = any (v_ids);
  return cardinality(v_ids);
end;
$$;
