create or replace function _worker_policy_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a worker_policy document.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[];
  v_backoff jsonb := p_value -> 'backoff';
  v_item record;
  v_at text;
begin
  v_faults := _unknown_field_faults('', p_value, array[
      'max_retries', 'lease_minutes', 'step_timeout_seconds', 'backoff', 'blocked_executors', 'allowed_executors',
      'command_allow', 'command_env', 'command_cwd', 'presets', 'executors', 'http_allow_private', 'idempotency',
      'description'])
    || _field_fault('max_retries', p_value -> 'max_retries', 'whole number', 1, 100)
    || _field_fault('lease_minutes', p_value -> 'lease_minutes', 'number', 0.02, 1440)
    || _field_fault('step_timeout_seconds', p_value -> 'step_timeout_seconds', 'whole number', 1, 604800)
    || _field_fault('backoff', v_backoff, 'object')
    || _unknown_field_faults('backoff', v_backoff, array['base_seconds', 'factor', 'max_seconds', 'jitter'])
    || _field_fault('blocked_executors', p_value -> 'blocked_executors', 'texts')
    || _field_fault('allowed_executors', p_value -> 'allowed_executors', 'texts')
    || _field_fault('command_allow', p_value -> 'command_allow', 'array')
    || _field_fault('command_env', p_value -> 'command_env', 'texts')
    || _field_fault('command_cwd', p_value -> 'command_cwd', 'texts')
    || _field_fault('presets', p_value -> 'presets', 'object')
    || _field_fault('executors', p_value -> 'executors', 'object')
    || _field_fault('http_allow_private', p_value -> 'http_allow_private', 'true or false')
    || _field_fault('idempotency', p_value -> 'idempotency', 'object')
    || _unknown_field_faults('idempotency', p_value -> 'idempotency', array['keep_hours'])
    || _field_fault('idempotency.keep_hours', p_value #> '{idempotency,keep_hours}', 'whole number', 1, 87600);
  if jsonb_typeof(v_backoff) = 'object' then
    v_faults := v_faults
      || _field_fault('backoff.base_seconds', v_backoff -> 'base_seconds', 'number', 0, 86400)
      || _field_fault('backoff.factor', v_backoff -> 'factor', 'number', 1, 100)
      || _field_fault('backoff.max_seconds', v_backoff -> 'max_seconds', 'number', 0, 604800)
      || _field_fault('backoff.jitter', v_backoff -> 'jitter', 'number', 0, 1);
  end if;

  for v_item in
    select e.value, e.ordinality - 1 as no
      from jsonb_array_elements(case jsonb_typeof(p_value -> 'command_allow')
                                  when 'array' then p_value -> 'command_allow' else '[]' end) with ordinality e
  loop
    exit when cardinality(v_faults) > 1000;
    if jsonb_typeof(v_item.value) <> 'array' or jsonb_typeof(v_item.value -> 0) is distinct from 'string'
       or v_item.value = '["..."]'
       or jsonb_path_exists(case when jsonb_typeof(v_item.value -> -1) = 'array' then v_item.value - -1
                                 else v_item.value end, 'strict $[*] ? (@.type() != "string")', '{}', true) then
      v_faults := v_faults || format('command_allow[%s]: must be an array of texts, the program first, such as '
                                     '["git", "status"]',
                                     v_item.no);
    elsif jsonb_typeof(v_item.value -> -1) = 'array' then
      v_faults := v_faults || _field_fault(
        format('command_allow[%s][%s]', v_item.no, jsonb_array_length(v_item.value) - 1), v_item.value -> -1, 'texts');
    end if;
  end loop;

  for v_item in
    select e.key, e.value
      from jsonb_each(case jsonb_typeof(p_value -> 'presets') when 'object' then p_value -> 'presets' else '{}' end) e
  loop
    exit when cardinality(v_faults) > 1000;
    v_faults := v_faults || _preset_faults('presets.' || v_item.key, v_item.key, v_item.value);
  end loop;

  for v_item in
    select e.key, e.value
      from jsonb_each(case jsonb_typeof(p_value -> 'executors') when 'object' then p_value -> 'executors'
                      else '{}' end) e
  loop
    exit when cardinality(v_faults) > 1000;
    v_at := 'executors.' || v_item.key;
    if jsonb_typeof(v_item.value) <> 'object' then
      v_faults := v_faults || (v_at || ': must be an object');
      continue;
    end if;
    v_faults := v_faults
      || _unknown_field_faults(v_at, v_item.value,
                               array['timeout_seconds', 'concurrency', 'on_lease_lost', 'max_retries'])
      || _field_fault(v_at || '.timeout_seconds', v_item.value -> 'timeout_seconds', 'whole number', 1, 604800)
      || _field_fault(v_at || '.concurrency', v_item.value -> 'concurrency', 'whole number', 1, 10000)
      || _field_fault(v_at || '.on_lease_lost', v_item.value -> 'on_lease_lost', 'retry|hold')
      || _field_fault(v_at || '.max_retries', v_item.value -> 'max_retries', 'whole number', 1, 100);
  end loop;
  return v_faults;
end;
$$;
