create or replace function _proposal_caps_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a proposal_caps document. A limit that is null or missing is no limit.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_max constant integer := 2147483647;
  v_faults text[] := _unknown_field_faults('', p_value, array['daily_limit', 'hourly_limit', 'per_source',
                                                              'description'])
                     || _field_fault('daily_limit', p_value -> 'daily_limit', 'whole number', 0, v_max)
                     || _field_fault('hourly_limit', p_value -> 'hourly_limit', 'whole number', 0, v_max)
                     || _field_fault('per_source', p_value -> 'per_source', 'object');
  v_source record;
  v_at text;
begin
  if jsonb_typeof(p_value -> 'per_source') is distinct from 'object' then
    return v_faults;
  end if;
  for v_source in select e.key, e.value from jsonb_each(p_value -> 'per_source') e loop
    exit when cardinality(v_faults) > 1000;
    v_at := 'per_source.' || v_source.key;
    v_faults := v_faults || case jsonb_typeof(v_source.value)
      when 'object' then
        _unknown_field_faults(v_at, v_source.value, array['daily_limit', 'hourly_limit'])
        || _field_fault(v_at || '.daily_limit', v_source.value -> 'daily_limit', 'whole number', 0, v_max)
        || _field_fault(v_at || '.hourly_limit', v_source.value -> 'hourly_limit', 'whole number', 0, v_max)
      else _field_fault(v_at, v_source.value, 'whole number', 0, v_max) end;
  end loop;
  return v_faults;
end;
$$;
