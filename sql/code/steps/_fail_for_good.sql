create or replace function _fail_for_good(p_ids uuid[], p_errors text[], p_codes text[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Fails steps for good: each leaves a dead letter with all that it was, emits step:<kind>:failed, and fails its
-- mission, or, with on_failure continue, unblocks the steps that wait for it, or, with isolate, cancels them. p_codes:
-- the code of each error, null for none. The caller holds the locks of missions and steps.
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
   -- Plans 2
   where s.id = e.id and s.id = any (p_ids);

  perform _archive_dead_letters(
            'step', array_agg(format('step:%s:%s', s.id, s.attempt)), array_agg(s.id::text),
            array_agg(to_jsonb(s) || jsonb_build_object('error_history', h.errors)),
            array_agg(s.last_error), array_agg(s.attempt))
     from ops_mission_steps s
    cross join lateral (
      select coalesce(jsonb_agg(jsonb_build_object('attempt', r.attempt, 'status', r.status, 'error', r.error,
                                                   'completed_at', r.completed_at)
                                order by r.completed_at), '[]') as errors
        from ops_action_runs r where r.step_id = s.id) h
    where s.id = any (p_ids);

  perform _emit_loop_events(
            array_agg('step:' || s.kind || ':failed'),
            array_agg(_step_event(s.id, s.mission_id, s.key, s.kind, s.executor, s.attempt, null, s.last_error)),
            array_agg(s.mission_id), array_agg(m.depth))
     from ops_mission_steps s
    -- Plans 1
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
  if exists (select from ops_mission_steps s where s.id = any (p_ids) and s.on_failure = 'isolate') then
    perform _cancel_dependants(array(select least(s.mission_id) from ops_mission_steps s where s.id = any (p_ids)));
  end if;
  -- Plans 3
  perform _settle_missions(array_agg(distinct least(s.mission_id))) from ops_mission_steps s where s.id = any (p_ids);
end;
$$;
