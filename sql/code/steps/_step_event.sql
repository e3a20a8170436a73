create or replace function _step_event(
  p_step_id uuid,
  p_mission_id uuid,
  p_key text,
  p_kind text,
  p_executor text,
  p_attempt integer,
  p_result jsonb,
  p_error text
)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The data of an event about a step. A result of more than 8 KiB stays in the step and is left out here.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return jsonb_build_object('step_id', p_step_id, 'mission_id', p_mission_id, 'key', p_key, 'kind', p_kind,
                            'executor', p_executor, 'attempt', p_attempt)
         || case when p_result is not null and pg_column_size(p_result) <= 8192
                 then jsonb_build_object('result', p_result) else '{}' end
         || case when p_error is not null then jsonb_build_object('error', p_error) else '{}' end;
end;
$$;
