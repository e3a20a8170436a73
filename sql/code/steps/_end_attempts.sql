create or replace function _end_attempts(
  p_ids uuid[],
  p_errors text[],
  p_codes text[],
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
-- the step for good. The caller holds the locks of missions and steps. p_codes: the code of each error, null for none.
-- p_run_status: failed or lost.
-- Locks: none of its own. Writes: ops_action_runs, ops_mission_steps, ops_timers, ops_ready, and what an end writes.
-- Raises: nothing.
declare
  v_policy jsonb := _policy('worker_policy');
  v_now_ready uuid[];
  v_final uuid[];
  v_final_errors text[];
  v_final_codes text[];
  v_cancelled uuid[];
begin
  perform _record_attempts(p_ids, p_run_status, p_now, p_errors, p_codes);

  update ops_mission_steps s
     set failure_count = s.failure_count + case when s.cancel_requested then 0 else 1 end,
         last_error = e.error, last_error_code = e.code, lease_expires_at = null, updated_at = p_now,
         status = case when s.cancel_requested then 'cancelled' else 'queued' end,
         run_after = case when not s.cancel_requested then p_now + make_interval(secs =>
           coalesce(e.after_seconds, _backoff_seconds(s.id, s.failure_count + 1, v_policy))) end
    from unnest(p_ids, p_errors, p_codes, p_after_seconds) e (id, error, code, after_seconds)
   -- The list: as in _accept_results.
   where s.id = e.id and s.id = any (p_ids);

  select array_agg(s.id) filter (where s.status = 'cancelled'),
         array_agg(s.id) filter (where s.status = 'queued' and f.final),
         array_agg(e.error) filter (where s.status = 'queued' and f.final),
         array_agg(e.code) filter (where s.status = 'queued' and f.final),
         array_agg(s.id) filter (where s.status = 'queued' and not f.final and s.run_after <= p_now)
    into v_cancelled, v_final, v_final_errors, v_final_codes, v_now_ready
    from unnest(p_ids, p_errors, p_codes, p_retryable) e (id, error, code, retryable)
   -- Looked up by its key, limit 1: as in _enqueue_steps.
   cross join lateral (select t.* from ops_mission_steps t where t.id = e.id limit 1) s
   cross join lateral (select not e.retryable or s.failure_count >= coalesce(s.max_retries, 3) as final) f;

  insert into ops_timers (due_at, step_ids)
  select s.run_after, array[s.id]
    from ops_mission_steps s
   where s.id = any (p_ids) and s.status = 'queued' and s.run_after > p_now
     and s.id <> all (coalesce(v_final, '{}'));
  if v_now_ready is not null then
    perform _enqueue_steps(v_now_ready);
  end if;
  if v_final is not null then
    perform _fail_for_good(v_final, v_final_errors, v_final_codes);
  end if;
  if v_cancelled is not null then
    -- least(): as in _lock_missions_of.
    perform _settle_missions(array_agg(distinct least(s.mission_id))) from ops_mission_steps s where s.id = any (v_cancelled);
  end if;
end;
$$;
