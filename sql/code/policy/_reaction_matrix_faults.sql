create or replace function _reaction_matrix_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a reaction_matrix document.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := _unknown_field_faults('', p_value, array['patterns', 'description'])
                     || _field_fault('patterns', p_value -> 'patterns', 'array');
  v_pattern jsonb;
  v_no integer := -1;
  v_at text;
  v_place record;
begin
  if jsonb_typeof(p_value -> 'patterns') is distinct from 'array' then
    return v_faults;
  end if;
  for v_pattern in select e from jsonb_array_elements(p_value -> 'patterns') e loop
    exit when cardinality(v_faults) > 1000;
    v_no := v_no + 1;
    v_at := format('patterns[%s]', v_no);
    if jsonb_typeof(v_pattern) <> 'object' then
      v_faults := v_faults || (v_at || ': must be an object');
      continue;
    end if;
    v_faults := v_faults
      || _unknown_field_faults(v_at, v_pattern, array['name', 'description', 'enabled', 'event_type', 'tags', 'source',
           'probability', 'cooldown_minutes', 'dedupe_key', 'max_depth', 'template'])
      || array(select format('%s.%s: must not be null; leave it out', v_at, n.key)
                 from jsonb_each(v_pattern) n
                where n.value = 'null' and n.key not in ('name', 'event_type', 'template'))
      || _missing_field_faults(v_at, v_pattern, array['name', 'event_type', 'template'])
      || _field_fault(v_at || '.name', v_pattern -> 'name', 'text', 1, 200)
      || _field_fault(v_at || '.description', v_pattern -> 'description', 'text')
      || _field_fault(v_at || '.enabled', v_pattern -> 'enabled', 'true or false')
      || _field_fault(v_at || '.event_type', v_pattern -> 'event_type', 'text or texts')
      || _field_fault(v_at || '.tags', v_pattern -> 'tags', 'texts')
      || _field_fault(v_at || '.source', v_pattern -> 'source', 'text or texts')
      || _field_fault(v_at || '.probability', v_pattern -> 'probability', 'number', 0, 1)
      || _field_fault(v_at || '.cooldown_minutes', v_pattern -> 'cooldown_minutes', 'number', 0, 5256000)
      || _field_fault(v_at || '.dedupe_key', v_pattern -> 'dedupe_key', 'text', 1, 1000)
      || _field_fault(v_at || '.max_depth', v_pattern -> 'max_depth', 'whole number', 0, 1000);
    for v_place in select p.lits, p.refs from _placeholders(v_pattern -> 'dedupe_key') p where not p.in_name loop
      if strpos(array_to_string(v_place.lits, ' '), '{{') > 0 or exists (
        select from unnest(v_place.refs) r where not _is_event_reference(r)) then
        v_faults := v_faults || (v_at || '.dedupe_key: takes placeholders such as {{event.data.…}} only');
      end if;
    end loop;
    if v_pattern ? 'template' then
      v_faults := v_faults || array(
        select format('%s.template.%s', v_at, f) from unnest(_template_faults(v_pattern -> 'template', true)) f);
    end if;
  end loop;

  return v_faults || array(
    select format('patterns[%s].name: %L is the name of patterns[%s] too', d.no - 1, d.name, d.first_no - 1)
      from (select n.no, n.pattern ->> 'name' as name, min(n.no) over (partition by n.pattern ->> 'name') as first_no
              from jsonb_array_elements(p_value -> 'patterns') with ordinality n (pattern, no)
             where jsonb_typeof(n.pattern) = 'object' and n.pattern ->> 'name' is not null) d
     where d.no > d.first_no
     order by d.no);
end;
$$;
