create or replace function _attempt_seconds(p_executor text, p_step_seconds integer, p_worker_policy jsonb)
returns double precision
language plpgsql
immutable
set search_path from current
as $$
-- How long one attempt may take, seconds: what the step says, else the executor's entry in worker_policy, else
-- step_timeout_seconds of worker_policy, else 60.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce(p_step_seconds,
                  _executor_setting(p_worker_policy, p_executor, 'timeout_seconds')::double precision,
                  (p_worker_policy -> 'presets' -> p_executor ->> 'timeout_seconds')::double precision,
                  (p_worker_policy ->> 'step_timeout_seconds')::double precision,
                  60);
end;
$$;
