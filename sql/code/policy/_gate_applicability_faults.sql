create or replace function _gate_applicability_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a gate_applicability document: the matrix type × gate, and two pairs of lists of types and of the gates
-- that these skip. Names of types and gates count without regard to case.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := _unknown_field_faults('', p_value, array['matrix', 'lightweight', 'documentation', 'description'])
    || _field_fault('description', p_value -> 'description', 'text', 0, 10000)
    || _field_fault('matrix', p_value -> 'matrix', 'object')
    || _field_fault('lightweight', p_value -> 'lightweight', 'object')
    || _field_fault('documentation', p_value -> 'documentation', 'object');
  v_row record;
  v_at text;
begin
  foreach v_at in array array['lightweight', 'documentation'] loop
    v_faults := v_faults
      || _unknown_field_faults(v_at, p_value -> v_at, array['types', 'gates'])
      || _field_fault(v_at || '.types', p_value -> v_at -> 'types', 'texts')
      || _field_fault(v_at || '.gates', p_value -> v_at -> 'gates', 'texts');
  end loop;
  if jsonb_typeof(p_value -> 'matrix') is distinct from 'object' then
    return v_faults;
  end if;
  v_faults := v_faults
    || array(select format('matrix.%s: stands there more than once, in other letters', lower(left(t.key, 80)))
               from jsonb_object_keys(p_value -> 'matrix') t (key)
              group by lower(left(t.key, 80)) having count(*) > 1);
  for v_row in select e.key, e.value from jsonb_each(p_value -> 'matrix') e loop
    v_at := 'matrix.' || left(v_row.key, 80);
    if jsonb_typeof(v_row.value) <> 'object' then
      v_faults := v_faults || (v_at || ': must be an object');
      continue;
    end if;
    v_faults := v_faults
      || array(select f
                 from jsonb_each(v_row.value) g
                cross join lateral unnest(
                  case jsonb_typeof(g.value)
                    when 'null' then array[format('%s.%s: is missing', v_at, left(g.key, 80))]
                    else _field_fault(v_at || '.' || left(g.key, 80), g.value, 'REQUIRED|OPTIONAL|NON_APPLICABLE')
                  end) f)
      || array(select format('%s.%s: stands there more than once, in other letters', v_at, lower(left(g.key, 80)))
                 from jsonb_object_keys(v_row.value) g (key)
                group by lower(left(g.key, 80)) having count(*) > 1);
  end loop;
  return v_faults;
end;
$$;
