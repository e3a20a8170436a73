create or replace function _executor_names(p_executor text, p_worker_policy jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- What a rule or a pause may call an executor: its own name, and command for a preset, which is one.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_worker_policy -> 'presets' ? p_executor then array[p_executor, 'command']
              else array[p_executor] end;
end;
$$;
