create or replace function _auto_approve_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of an auto_approve document.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := _unknown_field_faults('', p_value, array['enabled', 'allowed_step_kinds', 'allowed_executors',
                       'max_risk_level', 'risk_rules', 'description'])
                     || _field_fault('enabled', p_value -> 'enabled', 'true or false')
                     || _field_fault('allowed_step_kinds', p_value -> 'allowed_step_kinds', 'texts')
                     || _field_fault('allowed_executors', p_value -> 'allowed_executors', 'texts')
                     || _field_fault('max_risk_level', p_value -> 'max_risk_level', 'low|medium|high')
                     || _field_fault('risk_rules', p_value -> 'risk_rules', 'array');
  v_rule jsonb;
  v_no integer := -1;
  v_at text;
  v_group text;
begin
  for v_rule in
    select e from jsonb_array_elements(case jsonb_typeof(p_value -> 'risk_rules')
                                         when 'array' then p_value -> 'risk_rules' else '[]' end) e
  loop
    exit when cardinality(v_faults) > 1000;
    v_no := v_no + 1;
    v_at := format('risk_rules[%s]', v_no);
    if jsonb_typeof(v_rule) <> 'object' then
      v_faults := v_faults || (v_at || ': must be an object');
      continue;
    end if;
    v_faults := v_faults
      || _unknown_field_faults(v_at, v_rule, array['name', 'description', 'executor', 'kind', 'params', 'unless_params',
                                                   'risk_level'])
      || _missing_field_faults(v_at, v_rule, array['name', 'risk_level'])
      || _field_fault(v_at || '.name', v_rule -> 'name', 'text', 1, 200)
      || _field_fault(v_at || '.executor', v_rule -> 'executor', 'text or texts')
      || _field_fault(v_at || '.kind', v_rule -> 'kind', 'text or texts')
      || _field_fault(v_at || '.risk_level', v_rule -> 'risk_level', 'low|medium|high');
    foreach v_group in array array['params', 'unless_params'] loop
      if jsonb_typeof(v_rule -> v_group) = 'object' then
        v_faults := v_faults || array(
          select f from jsonb_each(v_rule -> v_group) c
           cross join lateral unnest(_regex_fault(format('%s.%s.%s', v_at, v_group, c.key), c.value)) f);
      elsif v_rule ? v_group then
        v_faults := v_faults || format('%s.%s: must be an object of regular expressions', v_at, v_group);
      end if;
    end loop;
  end loop;
  return v_faults;
end;
$$;
