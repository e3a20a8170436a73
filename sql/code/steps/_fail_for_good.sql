create or replace function _fail_for_good(p_ids uuid[], p_errors text[], p_codes text[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Fails steps for good: each goes whole to dead_letter_archive, leaves step:<kind>:failed, and fails its mission, or,
-- with on_failure continue, lets those who wait for it go on. p_codes: the code of each error, null for none. The
-- caller holds the locks of missions and steps.
-- Locks: none of its own. Writes: ops_mission_steps, dead_letter_archive, ops_agent_events, and what settling writes.
-- Raises: nothing.
declare
  v_now timestamptz := _now();
  v_unblocks uuid[];
  v_ready uuid[];
begin
  update ops_mission_steps s
     set status = 'failed', last_error = e.error, last_error_code = e.code, lease_expires_at = null, run_after = null,
         wait_reason = null, updated_at = v_now
    from unnest(p_ids, p_errors, p_codes) e (id, error, code)
   -- The list: as in _accept_results.
   where s.id = e.id and s.id = any (p_ids);

  insert into dead_letter_archive (dl_msg_id, original_msg_id, payload, reason, reclaim_count, dead_lettered_at,
                                   archived_at, archived_by)
  -- A step that fails for good twice at one attempt (parked and resolved, say) leaves a letter each time.
  select format('step:%s:%s', s.id, s.attempt)
           || coalesce((select ':' || count(*) from dead_letter_archive a
                         where a.original_msg_id = s.id::text and a.reclaim_count = s.attempt having count(*) > 0), ''),
         s.id::text,
         to_jsonb(s) || jsonb_build_object('error_history', (
           select coalesce(jsonb_agg(jsonb_build_object('attempt', r.attempt, 'status', r.status, 'error', r.error,
                                                        'completed_at', r.completed_at) order by r.completed_at), '[]')
             from ops_action_runs r where r.step_id = s.id)),
         s.last_error, s.attempt, v_now, v_now, 'opsloop'
    from ops_mission_steps s
   where s.id = any (p_ids)
  on conflict (dl_msg_id) do nothing;

  perform _emit_loop_events(
            array_agg('step:' || s.kind || ':failed'),
            array_agg(_step_event(s.id, s.mission_id, s.key, s.kind, s.executor, s.attempt, null, s.last_error)),
            array_agg(s.mission_id), array_agg(m.depth))
     from ops_mission_steps s
    -- Looked up by its key, limit 1: as in _enqueue_steps.
    cross join lateral (select t.depth from ops_missions t where t.id = s.mission_id limit 1) m
    where s.id = any (p_ids);

  select array_agg(u) into v_unblocks
    from ops_mission_steps s
   cross join lateral unnest(s.unblocks) u
   where s.id = any (p_ids) and s.on_failure = 'continue';
  if v_unblocks is not null then
    v_ready := _unblock_steps(v_unblocks);
    if v_ready is not null then
      perform _enqueue_steps(v_ready);
    end if;
  end if;
  -- least(): as in _lock_missions_of.
  perform _settle_missions(array_agg(distinct least(s.mission_id))) from ops_mission_steps s where s.id = any (p_ids);
end;
$$;
