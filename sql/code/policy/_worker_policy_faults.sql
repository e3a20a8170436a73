create or replace function _worker_policy_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a worker_policy document that its schema does not find: commands, and placeholders of presets.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := '{}'::text[];
  v_item record;
begin
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
    v_faults := v_faults || _preset_faults('presets.' || left(v_item.key, 200), v_item.key, v_item.value);
  end loop;
  return v_faults;
end;
$$;
