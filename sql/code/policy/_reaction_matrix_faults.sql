create or replace function _reaction_matrix_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a reaction_matrix document that its schema does not find: placeholders of dedupe keys, templates, and
-- names that two patterns have.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := '{}'::text[];
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
    continue when jsonb_typeof(v_pattern) <> 'object';
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
