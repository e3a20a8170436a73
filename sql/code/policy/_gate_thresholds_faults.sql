create or replace function _gate_thresholds_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a gate_thresholds document: {"<type of directive>": score from 0 to 100, "default": …}. Types count
-- without regard to case, so two that differ in nothing else would hide one of the two scores.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return _field_fault('description', p_value -> 'description', 'text', 0, 10000)
    || array(select f
               from jsonb_each(p_value - 'description') t
              cross join lateral unnest(
                case jsonb_typeof(t.value) when 'null' then array[left(t.key, 80) || ': must be a number from 0 to 100']
                     else _field_fault(left(t.key, 80), t.value, 'number', 0, 100) end) f)
    || array(select format('%s: stands there more than once, in other letters', lower(left(t.key, 80)))
               from jsonb_object_keys(p_value - 'description') t (key)
              group by lower(left(t.key, 80)) having count(*) > 1);
end;
$$;
