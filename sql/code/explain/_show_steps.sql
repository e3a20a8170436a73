create or replace function _show_steps(p_step_ids uuid[], p_attempts integer)
returns jsonb
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- These steps with all that is on record of them, in the order of their missions: an array of objects, each with its
-- last p_attempts attempts, oldest first.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return (
    select coalesce(jsonb_agg(
             jsonb_strip_nulls(jsonb_build_object(
               'mission_id', s.mission_id, 'position', s.position, 'kind', s.kind, 'executor', s.executor,
               'priority', s.priority, 'on_failure', s.on_failure, 'timeout_seconds', s.timeout_seconds,
               'max_retries', s.max_retries, 'worker_id', s.worker_id, 'run_after', s.run_after,
               'lease_expires_at', s.lease_expires_at, 'deadline_at', s.deadline_at, 'reserved_at', s.reserved_at,
               'wait_reason', s.wait_reason, 'last_error', s.last_error, 'last_error_code', s.last_error_code,
               'waits_for', (select jsonb_strip_nulls(jsonb_build_object(
                                      'what', p.waits_for, 'scope', p.scope, 'target', p.target, 'until', p.until,
                                      'since', p.since, 'code', p.code))
                               from ops_parked_steps p where p.step_id = s.id and s.status = 'waiting')))
             || jsonb_build_object(
               'id', s.id, 'key', s.key, 'status', s.status, 'attempt', s.attempt, 'failure_count', s.failure_count,
               'created_at', s.created_at, 'updated_at', s.updated_at,
               'params', _shown_value(s.params), 'result', _shown_value(s.result),
               'progress', _shown_value(s.progress),
               'depends_on', (select coalesce(jsonb_agg(d.key order by d.position), '[]') from ops_mission_steps d
                               where d.id = any (s.depends_on)),
               'usage', _usage(array[s.id]),
               'attempts', (select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                                     'attempt', r.attempt, 'status', r.status, 'worker_id', r.worker_id,
                                     'started_at', r.started_at, 'completed_at', r.completed_at, 'error', r.error,
                                     'error_code', r.error_code,
                                     'meta', case when r.meta <> '{}' then _shown_value(r.meta) end)) order by r.id),
                                     '[]')
                              from (select n.* from ops_action_runs n
                                     where n.step_id = s.id order by n.id desc limit p_attempts) r))
             order by s.mission_id, s.position, s.id), '[]')
      from ops_mission_steps s
     where s.id = any (p_step_ids));
end;
$$;
