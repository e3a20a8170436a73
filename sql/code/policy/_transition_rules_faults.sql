create or replace function _transition_rules_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a transition_rules document: {"<transition type>": {from, to, sd_status, stories, requirement, gates}}.
-- A rule can set only the columns that are named here.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := _field_fault('description', p_value -> 'description', 'text', 0, 10000);
  v_rule record;
  v_part record;
  v_at text;
begin
  for v_rule in select e.key, e.value from jsonb_each(p_value - 'description') e loop
    v_at := left(v_rule.key, 80);
    if v_rule.key !~ '^[a-z][a-z0-9_]{0,62}$' then
      v_faults := v_faults || format('%s: a transition type is lower-case letters, digits and _', v_at);
    end if;
    if jsonb_typeof(v_rule.value) <> 'object' then
      v_faults := v_faults || (v_at || ': must be an object');
      continue;
    end if;
    v_faults := v_faults
      || _unknown_field_faults(v_at, v_rule.value, array['from', 'to', 'sd_status', 'stories', 'requirement', 'gates',
                                                         'description'])
      || _missing_field_faults(v_at, v_rule.value, array['to'])
      || _field_fault(v_at || '.from', v_rule.value -> 'from', 'texts')
      || _field_fault(v_at || '.to', v_rule.value -> 'to', 'text', 1, 200)
      || _field_fault(v_at || '.sd_status', v_rule.value -> 'sd_status', 'text', 1, 200)
      || _field_fault(v_at || '.stories', v_rule.value -> 'stories', 'object')
      || _field_fault(v_at || '.requirement', v_rule.value -> 'requirement', 'object')
      || _field_fault(v_at || '.gates', v_rule.value -> 'gates', 'true or false')
      || _field_fault(v_at || '.description', v_rule.value -> 'description', 'text', 0, 10000)
      || _unknown_field_faults(v_at || '.stories', v_rule.value -> 'stories', array['from', 'set', 'status'])
      || _unknown_field_faults(v_at || '.requirement', v_rule.value -> 'requirement', array['set'])
      || _field_fault(v_at || '.stories.from', v_rule.value #> '{stories,from}', 'texts');
    for v_part in
      select o.at, v_rule.value #> o.path as value, o.known
        from (values (v_at || '.stories.set', '{stories,set}'::text[], array['status', 'implementation_status']),
                     (v_at || '.requirement.set', '{requirement,set}', array['status', 'phase']),
                     (v_at || '.stories.status', '{stories,status}', null)) o (at, path, known)
    loop
      v_faults := v_faults || _field_fault(v_part.at, v_part.value, 'object');
      if jsonb_typeof(v_part.value) = 'object' then
        v_faults := v_faults
          || case when v_part.known is null then '{}' else _unknown_field_faults(v_part.at, v_part.value, v_part.known)
               end
          || array(select format('%s.%s: must be a text of 1 to 200 characters', v_part.at, left(f.key, 80))
                     from jsonb_each(v_part.value) f
                    where jsonb_typeof(f.value) <> 'string' or length(f.value #>> '{}') not between 1 and 200
                    order by f.key);
      end if;
    end loop;
  end loop;
  return v_faults;
end;
$$;
