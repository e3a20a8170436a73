create or replace function _record_attempts(
  p_step_ids uuid[],
  p_status text,
  p_now timestamptz,
  p_errors text[] default null,
  p_codes text[] default null,
  p_run_ids uuid[] default null,
  p_metas jsonb[] default null,
  p_worker_id text default null
)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Records how attempts at these steps ended; each array has an entry for each step, or is null. (Successes are recorded
-- by _accept_results in its one statement.) Without p_run_ids it is the current attempt, cancelled when it was asked to
-- stop; the step still has its lease token. With p_run_ids it is a report from outside: of a fenced worker, under the
-- token that it lost and the attempt that had it, or of a person, named in p_worker_id. Steps that are gone are left
-- out.
-- Locks: none of its own. Writes: ops_action_runs, and ops_counts for a fenced one. Raises: nothing.
declare
  v_recorded integer;
begin
  insert into ops_action_runs (id, run_id, step_id, executor, worker_id, attempt, status, started_at, completed_at,
                               meta, error, error_code)
  select _uuid_v7(), coalesce(a.run_id, s.lease_token, s.id), s.id, s.executor,
         case when p_run_ids is null then s.worker_id else p_worker_id end,
         case when p_run_ids is null then s.attempt
              else coalesce((select min(r.attempt) from ops_action_runs r
                              where r.step_id = s.id and r.run_id = a.run_id), s.attempt) end,
         case when p_run_ids is null and s.cancel_requested then 'cancelled' else p_status end,
         case when p_run_ids is null then s.reserved_at end, p_now, coalesce(a.meta, '{}'), a.error, a.code
    from unnest(p_step_ids, p_errors, p_codes, p_run_ids, p_metas) a (step_id, error, code, run_id, meta)
   -- Plans 1
   cross join lateral (select t.* from ops_mission_steps t where t.id = a.step_id limit 1) s;
  if p_status = 'fenced' then
    get diagnostics v_recorded = row_count;
    perform _count('opsloop_steps_fenced_total', v_recorded);
  end if;
end;
$$;
