create or replace function _attempt_limits(p_executors jsonb, p_worker_policy jsonb, p_worker_id text)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- For each executor (the keys of p_executors) what holds unless a step says otherwise: [seconds an attempt may take,
-- failures after which a step fails for good]. The environment of the worker goes before policy, policy before the
-- built-in 60 seconds and 3 failures.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_settings jsonb := coalesce((select w.settings from ops_workers w where w.worker_id = p_worker_id), '{}');
begin
  return (
    select jsonb_object_agg(e, jsonb_build_array(
             coalesce((_executor_setting(p_worker_policy, e, 'timeout_seconds'))::double precision,
                      (p_worker_policy ->> 'step_timeout_seconds')::double precision, 60),
             coalesce((v_settings ->> 'max_retries')::integer,
                      (_executor_setting(p_worker_policy, e, 'max_retries'))::integer,
                      (p_worker_policy ->> 'max_retries')::integer, 3)))
      from jsonb_object_keys(p_executors) e);
end;
$$;
