create or replace function _template_faults(p_template jsonb, p_with_event boolean)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a proposal template, each beginning with its path, all up to the first thousand; an empty array when it
-- is sound. p_with_event: the template belongs to a reaction pattern, so that {{event.…}} will be filled; null where
-- its placeholders are those of the template that it is part of, and are judged with that.
-- Locks: none. Writes: nothing. Raises: nothing, whatever the JSON.
declare
  v_text constant text := p_template::text;
  v_faults text[] := '{}'::text[];
  v_steps jsonb := p_template -> 'steps';
  v_step jsonb;
  v_rest jsonb;
  v_at text;
  v_key text;
  v_keys text[] := '{}'::text[];
  v_executors text[] := '{}'::text[];
  v_has_depends boolean := false;
begin
  if jsonb_typeof(p_template) is distinct from 'object' then
    return array['template: must be an object'];
  end if;
  if p_template - array['title', 'risk_level', 'priority', 'steps'] <> '{}' then
    v_faults := _unknown_field_faults('', p_template, array['title', 'rationale', 'refs', 'risk_level', 'priority',
                                                            'run_after', 'steps'])
      || _moment_fault('run_after', p_template -> 'run_after')
      || _field_fault('rationale', p_template -> 'rationale', 'text', 1, 10000)
      || _field_fault('refs', p_template -> 'refs', 'texts')
      || case when jsonb_typeof(p_template -> 'refs') = 'array'
                   and (jsonb_array_length(p_template -> 'refs') > 50
                        or exists (select from jsonb_array_elements_text(p_template -> 'refs') t
                                    where length(t) > 2000))
              then array[text 'refs: must hold at most 50 texts of 2000 characters'] end;
  end if;
  if p_template ? 'title' and length(p_template ->> 'title') between 1 and 1000 is not true
     or jsonb_typeof(p_template -> 'title') <> 'string' then
    v_faults := v_faults || _field_fault('title', p_template -> 'title', 'text', 1, 1000);
  end if;
  if p_template ? 'risk_level' then
    v_faults := v_faults || _field_fault('risk_level', p_template -> 'risk_level', 'low|medium|high');
  end if;
  if p_template ? 'priority' then
    -- Each priority makes a lane for each executor, and a claim looks at all lanes: their number has to be bounded.
    v_faults := v_faults || _field_fault('priority', p_template -> 'priority', 'whole number', -100, 100);
  end if;
  if jsonb_typeof(v_steps) is distinct from 'array' then
    return v_faults || text 'steps: must be an array of steps';
  end if;
  if jsonb_array_length(v_steps) not between 1 and 10000 then
    return v_faults || format('steps: must hold 1 to 10000 steps, not %s', jsonb_array_length(v_steps));
  end if;

  for v_count in 1 .. jsonb_array_length(v_steps) loop
    if cardinality(v_faults) > 1000 then
      return v_faults;
    end if;
    v_step := v_steps -> (v_count - 1);
    v_keys[v_count] := 'step_' || v_count::text;
    v_executors[v_count] := '';
    if jsonb_typeof(v_step) <> 'object' then
      v_faults := v_faults || format('steps[%s]: must be an object', v_count - 1);
      continue;
    end if;

    v_key := v_step ->> 'key';
    if v_key is not null then
      if jsonb_typeof(v_step -> 'key') = 'string' and v_key ~ '^[A-Za-z0-9_-]{1,64}$' then
        v_keys[v_count] := v_key;
      else
        v_faults := v_faults || format('steps[%s].key: must be a text of 1 to 64 letters, digits and _-, not %s',
                                       v_count - 1, left(v_step ->> 'key', 80));
      end if;
    end if;
    if jsonb_typeof(v_step -> 'kind') is distinct from 'string' or v_step ->> 'kind' !~ '^[A-Za-z0-9_.:-]{1,128}$' then
      v_faults := v_faults || format('steps[%s].kind: must be a name of 1 to 128 letters, digits and _.:-%s',
                                     v_count - 1,
                                     coalesce(', not ' || left((v_step -> 'kind')::text, 80), ''));
    end if;
    v_executors[v_count] := coalesce(v_step ->> 'executor', v_step ->> 'kind', '');
    if jsonb_typeof(v_step -> 'params') <> 'object'
       or v_executors[v_count] in ('sql', 'command', 'http', 'agent', 'wait', 'mission') then
      v_faults := v_faults || _params_faults(format('steps[%s].params', v_count - 1), v_executors[v_count],
                                             v_step -> 'params');
    end if;

    -- Fields that few steps have.
    v_rest := v_step - array['key', 'kind', 'params'];
    if v_rest <> '{}' then
      v_at := format('steps[%s].', v_count - 1);
      if v_rest ? 'executor' then
        v_faults := v_faults || _field_fault(v_at || 'executor', v_rest -> 'executor', 'name')
          || case when v_step ->> 'kind' = 'approval' and v_rest ->> 'executor' <> 'approval'
                  then array[v_at || 'executor: kind approval is decided by persons, and run by nothing']
                  when (v_step ->> 'kind' in ('wait', 'mission') or v_rest ->> 'executor' in ('wait', 'mission'))
                       and v_step ->> 'kind' <> v_rest ->> 'executor'
                  then array[v_at || 'executor: kind and executor must both be wait, or mission; it is run by nothing']
                  end;
      end if;
      if v_rest ? 'depends_on' then
        v_has_depends := v_has_depends or jsonb_typeof(v_rest -> 'depends_on') = 'array';
        v_faults := v_faults || _field_fault(v_at || 'depends_on', v_rest -> 'depends_on', 'texts');
      end if;
      if v_rest - array['executor', 'depends_on'] <> '{}' then
        v_faults := v_faults
          || _unknown_field_faults(rtrim(v_at, '.'), v_step, array['key', 'kind', 'executor', 'params', 'depends_on',
               'max_retries', 'timeout_seconds', 'on_failure', 'on_lease_lost', 'needs_approval', 'run_after',
               'for_each'])
          || _items_fault(v_at || 'for_each', v_step -> 'for_each')
          || _moment_fault(v_at || 'run_after', v_step -> 'run_after')
          || _field_fault(v_at || 'needs_approval', v_step -> 'needs_approval', 'true or false')
          || _field_fault(v_at || 'max_retries', v_step -> 'max_retries', 'whole number', 1, 100)
          || _field_fault(v_at || 'timeout_seconds', v_step -> 'timeout_seconds', 'whole number', 1, 604800)
          || _field_fault(v_at || 'on_failure', v_step -> 'on_failure', 'fail|continue|isolate')
          || _field_fault(v_at || 'on_lease_lost', v_step -> 'on_lease_lost', 'retry|hold');
      end if;
    end if;
  end loop;

  -- Rules about several steps: doubled keys, dependencies, and which results a placeholder may refer to.
  if cardinality(v_keys) > 1 then
    v_faults := v_faults || coalesce((
      select array_agg(format('steps[%s].key: %L is the key of steps[%s] too', k.no - 1, k.key, k.first_no - 1)
                       order by k.no)
        from (select d.no, d.key, min(d.no) over (partition by d.key) as first_no
                from unnest(v_keys) with ordinality d (key, no)) k
       where k.no > k.first_no), '{}');
  end if;
  if v_has_depends then
    v_faults := v_faults || _dependency_faults(v_steps, v_keys);
  end if;
  if p_with_event is not null and strpos(v_text, '{{') > 0 then
    v_faults := v_faults || _placeholder_faults(p_template, p_with_event, v_keys, v_executors);
  end if;
  return array_remove(v_faults || _number_fault('', p_template), null);
end;
$$;
