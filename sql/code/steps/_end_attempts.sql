create or replace function _end_attempts(
  p_ids uuid[],
  p_errors text[],
  p_retryable boolean[],
  p_after_seconds double precision[],
  p_run_status text,
  p_now timestamptz
)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Ends running attempts that did not succeed: records them, counts the failure, and queues a retry, cancels, or fails
-- the step for good. The caller holds the locks of missions and steps. p_run_status: failed or lost.
-- Locks: none of its own. Writes: ops_action_runs, ops_mission_steps, ops_timers, ops_ready, and what an end writes.
-- Raises: nothing.
declare
  v_policy jsonb := _policy('worker_policy');
  v_now_ready uuid[];
  v_final uuid[];
  v_final_errors text[];
  v_cancelled uuid[];
begin
  insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at, error)
  select _uuid_v7(), s.lease_token, s.id, s.executor, s.worker_id, s.attempt,
         case when s.cancel_requested then 'cancelled' else p_run_status end, s.reserved_at, p_now, e.error
    from unnest(p_ids, p_errors) e (id, error)
   -- Looked up by its key, limit 1: as in _enqueue_steps.
   cross join lateral (select t.* from ops_mission_steps t where t.id = e.id limit 1) s;

  update ops_mission_steps s
     set failure_count = s.failure_count + case when s.cancel_requested then 0 else 1 end,
         last_error = e.error, lease_expires_at = null, updated_at = p_now,
         status = case when s.cancel_requested then 'cancelled' else 'queued' end,
         run_after = case when not s.cancel_requested then p_now + make_interval(secs =>
           coalesce(e.after_seconds, _backoff_seconds(s.id, s.failure_count + 1, v_policy))) end
    from unnest(p_ids, p_errors, p_after_seconds) e (id, error, after_seconds)
   -- The list: as in _accept_results.
   where s.id = e.id and s.id = any (p_ids);

  select array_agg(s.id) filter (where s.status = 'cancelled'),
         array_agg(s.id) filter (where s.status = 'queued' and (not e.retryable or s.failure_count >= coalesce(s.max_retries, 3))),
         array_agg(e.error) filter (where s.status = 'queued' and (not e.retryable or s.failure_count >= coalesce(s.max_retries, 3))),
         array_agg(s.id) filter (where s.status = 'queued' and e.retryable
                                   and s.failure_count < coalesce(s.max_retries, 3) and s.run_after <= p_now)
    into v_cancelled, v_final, v_final_errors, v_now_ready
    from unnest(p_ids, p_errors, p_retryable) e (id, error, retryable)
   cross join lateral (select t.* from ops_mission_steps t where t.id = e.id limit 1) s;

  insert into ops_timers (due_at, step_ids)
  select s.run_after, array[s.id]
    from ops_mission_steps s
   where s.id = any (p_ids) and s.status = 'queued' and s.run_after > p_now
     and s.id <> all (coalesce(v_final, '{}'));
  if v_now_ready is not null then
    perform _enqueue_steps(v_now_ready);
  end if;
  if v_final is not null then
    perform _fail_for_good(v_final, v_final_errors);
  end if;
  if v_cancelled is not null then
    -- least(): as in _lock_missions_of.
    perform _settle_missions(array_agg(distinct least(s.mission_id))) from ops_mission_steps s where s.id = any (v_cancelled);
  end if;
end;
$$;
