create or replace function _on_lease_lost(p_executor text, p_step_says text, p_worker_executors jsonb,
                                          p_worker_policy jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- The fate of a step whose worker vanished, as it is unknown whether its effect happened: retry or hold. The step
-- decides, else its executor's entry in worker_policy, else what its worker registered (idempotent); else retry for
-- noop, sql and radar, and hold for all others.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce(
    p_step_says,
    _executor_setting(p_worker_policy, p_executor, 'on_lease_lost'),
    -- Compared, not cast: a value of another type, registered by one worker, must not stop the recovery of all.
    case when p_worker_executors -> p_executor -> 'idempotent' = 'true' then 'retry' end,
    case when p_executor in ('noop', 'sql', 'radar') then 'retry' else 'hold' end);
end;
$$;
