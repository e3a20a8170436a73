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
language sql
stable
parallel safe
as $$
  -- The data of an event about a step, with its error or its result. A result of more than 8 KiB stays in the step: the
  -- event only says how many bytes it has. Plans 6: completions call it for every step.
  -- Locks: none. Writes: nothing. Raises: nothing.
  select pg_catalog.jsonb_build_object(
    'step_id', p_step_id, 'mission_id', p_mission_id, 'key', p_key, 'kind', p_kind, 'executor', p_executor,
    'attempt', p_attempt,
    case when p_error is not null then 'error'
         when pg_catalog.octet_length(p_result::pg_catalog.text) operator(pg_catalog.>) 8192 then 'result_bytes'
         else 'result' end,
    case when p_error is not null then pg_catalog.to_jsonb(p_error)
         when pg_catalog.octet_length(p_result::pg_catalog.text) operator(pg_catalog.>) 8192
           then pg_catalog.to_jsonb(pg_catalog.octet_length(p_result::pg_catalog.text))
         else p_result end);
$$;
