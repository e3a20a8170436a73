create or replace function _executor_names(p_executor text, p_worker_policy jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The names by which a rule or a pause covers an executor: its own, and command if it is a preset.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return case when p_worker_policy -> 'presets' ? p_executor then array[p_executor, 'command']
              else array[p_executor] end;
end;
$$;
