create or replace function _executor_setting(p_worker_policy jsonb, p_executor text, p_name text)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- A setting that worker_policy has for one executor: executors.<executor>.<name>, else that of its preset; null if
-- there is none.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce(p_worker_policy -> 'executors' -> p_executor ->> p_name,
                  p_worker_policy -> 'presets' -> p_executor ->> p_name);
end;
$$;
