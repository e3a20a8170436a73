create or replace function fn_normalize_gate_result(p_gate text, p_result jsonb, p_strict boolean default false)
returns jsonb
language plpgsql
immutable
security definer
set search_path from current
as $$
-- The result of a gate in the one form that is counted with, and what had to be mended to get there: warnings where
-- only the spelling differed, errors where something was missing, of another type or out of range. Further fields stay
-- as they are.
-- Locks: none. Writes: nothing. Raises: OP077 for an error when p_strict.
declare
  v_result jsonb := p_result;
  v_errors text[] := '{}';
  -- The field that the first of the errors is about.
  v_path text;
  v_warnings text[] := '{}';
  v_field record;
  v_list text;
  v_value jsonb;
  v_passed boolean := false;
  v_score numeric;
  v_max numeric;
begin
  if jsonb_typeof(p_result) is distinct from 'object' then
    v_errors := array[format('result: must be an object, not %s', coalesce(jsonb_typeof(p_result), 'null'))];
    v_path := 'result';
    v_result := '{"passed": false, "score": 0, "maxScore": 100}';
  end if;
  if v_result ?| array['pass', 'valid', 'max_score', 'maxscore'] then
    for v_field in
      select *
        from (values ('passed', 'pass'), ('passed', 'valid'), ('maxScore', 'max_score'), ('maxScore', 'maxscore'))
             a (name, alias)
    loop
      if v_result ? v_field.alias then
        if not v_result ? v_field.name then
          v_result := v_result || jsonb_build_object(v_field.name, v_result -> v_field.alias);
          v_warnings := v_warnings || format('%s: was named %s', v_field.name, v_field.alias);
        end if;
        v_result := v_result - v_field.alias;
      end if;
    end loop;
  end if;

  v_value := v_result -> 'passed';
  if jsonb_typeof(v_value) = 'boolean' then
    v_passed := v_value::boolean;
  elsif v_value is null then
    v_errors := v_errors || 'passed: is missing; taken as false'::text;
  else
    v_passed := case jsonb_typeof(v_value)
      when 'number' then v_value::numeric > 0
      when 'string' then lower(btrim(v_value #>> '{}')) in ('true', 'yes', '1', 'pass')
      else false end;
    v_errors := v_errors || format('passed: must be true or false, not %s; taken as %s', left(v_value::text, 80),
                                   v_passed::text);
  end if;
  v_path := coalesce(v_path, case when v_errors <> '{}' then 'passed' end);

  v_max := _gate_number(v_result -> 'maxScore');
  if v_max is null or v_max <= 0 or jsonb_typeof(v_result -> 'maxScore') <> 'number' then
    v_max := case when v_max > 0 then v_max else 100 end;
    v_errors := v_errors || case when v_result ? 'maxScore'
      then format('maxScore: must be a number above 0, not %s; taken as %s', left((v_result -> 'maxScore')::text, 80),
                  v_max)
      else 'maxScore: is missing; taken as 100' end;
  end if;
  v_path := coalesce(v_path, case when v_errors <> '{}' then 'maxScore' end);
  v_value := v_result -> 'score';
  v_score := coalesce(_gate_number(v_value), 0);
  if v_value is null then
    v_errors := v_errors || 'score: is missing; taken as 0'::text;
  elsif jsonb_typeof(v_value) <> 'number' or _gate_number(v_value) is null then
    v_errors := v_errors || format('score: must be a number, not %s; taken as %s', left(v_value::text, 80), v_score);
  end if;
  if v_score < 0 or v_score > v_max then
    v_errors := v_errors || format('score: must be from 0 to %s, not %s; taken as the nearest', v_max, v_score);
    v_score := least(greatest(v_score, 0), v_max);
  end if;
  v_path := coalesce(v_path, case when v_errors <> '{}' then 'score' end);

  foreach v_list in array array['issues', 'warnings'] loop
    v_value := v_result -> v_list;
    continue when jsonb_typeof(v_value) = 'array';
    if v_value is not null then
      v_warnings := v_warnings || format('%s: must be an array, not %s', v_list, left(v_value::text, 80));
    end if;
    v_result := v_result || jsonb_build_object(v_list,
      case coalesce(jsonb_typeof(v_value), 'null') when 'null' then '[]' else jsonb_build_array(v_value) end);
  end loop;

  if p_strict and v_errors <> '{}' then
    raise exception using errcode = 'OP077',
      message = format('OPS_077: gate %s: %s', quote_nullable(p_gate), v_errors[1]),
      detail = jsonb_build_object('gate', p_gate, 'path', v_path, 'errors', v_errors)::text,
      hint = 'Let the gate return {"passed": true or false, "score", "maxScore", "issues": [], "warnings": []}.';
  end if;
  return v_result
    || jsonb_build_object('passed', v_passed, 'score', v_score, 'maxScore', v_max,
                          'details', coalesce(v_result -> 'details', '{}'),
                          '_validation', jsonb_build_object('errors', v_errors, 'warnings', v_warnings,
                                                            'fixed', cardinality(v_errors) + cardinality(v_warnings)));
end;
$$;
comment on function fn_normalize_gate_result(text, jsonb, boolean) is
  'The result of a gate as {"passed", "score", "maxScore", "issues", "warnings", "details", "_validation": {"errors", '
  '"warnings", "fixed"}}, whatever it was; p_strict: an error raises OPS_077, with gate and path, instead of being '
  'mended.';
