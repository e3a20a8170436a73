create or replace function _enqueue_steps(p_step_ids uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Makes steps ready to be claimed: status queued, and a row at the end of their lane. The caller has locked these
-- steps, or their missions. Idle workers are notified at the commit.
-- Locks: the announcement; the steps. Writes: ops_mission_steps, ops_ready; ops_lanes, seldom. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_ids uuid[];
  v_executors text[];
  v_priorities smallint[];
  v_lanes integer[];
begin
  select array_agg(s.id), array_agg(s.executor), array_agg(s.priority) into v_ids, v_executors, v_priorities
    from ops_mission_steps s where s.id = any (p_step_ids);
  if v_executors is null then
    return;
  end if;

  v_lanes := _ensure_lanes(v_executors, v_priorities);
  with ready as (
    insert into ops_ready (lane, id)
    select n.lane, s.id
      from unnest(v_ids, v_lanes) n (id, lane)
     -- Plans 1
     cross join lateral (select t.id, t.mission_id, t.position
                           from ops_mission_steps t where t.id = n.id limit 1) s
     order by s.mission_id, s.position
    returning lane, seq, id
  )
  update ops_mission_steps s
     set status = 'queued', waiting_on = 0, lane = r.lane, ready_seq = r.seq, run_after = null, wait_reason = null,
         lease_expires_at = null, updated_at = v_now
    from ready r
   -- Plans 2. Not by ctid, although that is cheaper: of a blocked step the caller has locked only the mission. An
   -- update by hand meanwhile would move the row, and the step would never be queued.
   where s.id = r.id and s.id = any (p_step_ids);
  perform _wake_workers();
end;
$$;
