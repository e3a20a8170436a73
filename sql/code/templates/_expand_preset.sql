create or replace function _expand_preset(p_executor text, p_params jsonb, p_worker_policy jsonb)
returns table (run_with text, params jsonb, fault text, fault_code text)
language plpgsql
immutable
set search_path from current
as $$
-- The meaning of an executor name: itself, or, where worker_policy.presets has it, a command whose program and options
-- policy wrote and whose {{params.…}} the step fills. A text, number or boolean becomes one whole argument, or a part
-- of one where policy wrote more around it; an array, alone in its argument, becomes one argument for each element. A
-- param whose default is null is optional: an argument that has it is left out where the step does not give it.
-- allowed: globs that the values of a param must match. Filled values are never scanned for placeholders. No value
-- becomes an option: an argument that a value begins does not begin with -, unless policy wrote -- before it. fault: a
-- param that the preset needs and lacks, that it does not take, or that would be an option (fault_code OPS_004), or
-- values that are too large together (OPS_040).
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_most constant integer := 4 * 1024 * 1024;
  v_size bigint := 0;
  v_preset constant jsonb := p_worker_policy -> 'presets' -> p_executor;
  v_given jsonb;
  v_used text[] := '{}'::text[];
  v_argv jsonb := '[]'::jsonb;
  v_part record;
  v_value jsonb;
  v_text text;
  v_options_ended boolean := false;
  v_filled text[];
begin
  if v_preset is null then
    run_with := p_executor;
    params := p_params;
    return next;
    return;
  end if;
  run_with := 'command';
  v_given := coalesce(v_preset -> 'defaults', '{}') || coalesce(nullif(p_params, 'null'), '{}');
  params := v_preset - array['argv', 'stdin', 'defaults', 'allowed', 'timeout_seconds', 'description'];
  select format('params.%s: executor %s takes %s only', a.key, p_executor,
                (select string_agg(g, ', ') from jsonb_array_elements_text(a.value) g)), 'OPS_004'
    into fault, fault_code
    from jsonb_each(nullif(v_preset -> 'allowed', 'null')) a
   where a.value <> 'null' and coalesce(v_given ->> a.key, '') <> ''
     and not coalesce(_matches_any(v_given ->> a.key, a.value), false)
   order by a.key
   limit 1;
  if fault is not null then
    return next;
    return;
  end if;

  for v_part in
    select w.is_stdin, w.written,
           regexp_split_to_array(w.written, E'\\{\\{[^{}]*\\}\\}') as lits,
           array(select regexp_replace(btrim(m[1]), E'^params\\.', '')
                   from regexp_matches(w.written, E'\\{\\{([^{}]*)\\}\\}', 'g') m) as refs
      from (select false as is_stdin, a.arg as written, a.no
              from jsonb_array_elements_text(v_preset -> 'argv') with ordinality a (arg, no)
            union all
            select true, v_preset ->> 'stdin', 0 where v_preset ? 'stdin') w
     order by w.is_stdin, w.no
  loop
    -- An optional param that is not given leaves its argument out.
    if not v_part.is_stdin and exists (
      select from unnest(v_part.refs) r
       where v_preset -> 'defaults' -> r = 'null' and v_given -> r = 'null') then
      v_used := v_used || v_part.refs;
      continue;
    end if;
    v_text := v_part.lits[1];
    v_value := null;
    for i in 1 .. cardinality(v_part.refs) loop
      v_used := v_used || split_part(v_part.refs[i], '.', 1);
      v_value := v_given #> string_to_array(v_part.refs[i], '.');
      v_size := v_size + coalesce(pg_column_size(v_value), 0);
      if v_size > c_most then
        fault := format('params.%s: the values that executor %s takes are more than %s bytes together; store large '
                        'data elsewhere and pass a reference', v_part.refs[i], p_executor, c_most);
        fault_code := 'OPS_040';
        return next;
        return;
      end if;
      if jsonb_typeof(v_value) = 'array' and v_part.lits = array['', ''] and not v_part.is_stdin
         and not jsonb_path_exists(v_value, 'strict $[*] ? (@.type() != "string" && @.type() != "number")', '{}',
                                   true) then
        continue;
      elsif v_value is null or jsonb_typeof(v_value) in ('null', 'array', 'object') then
        fault := format('params.%s: executor %s needs a text here%s', v_part.refs[i], p_executor,
                        coalesce(', not ' || left(v_value::text, 80), ''));
        fault_code := 'OPS_004';
        return next;
        return;
      end if;
      v_text := v_text || _argument_text(v_value) || v_part.lits[i + 1];
    end loop;
    if v_part.is_stdin then
      params := params || jsonb_build_object('stdin', v_text);
      continue;
    end if;
    if jsonb_typeof(v_value) = 'array' then
      v_filled := array(select _argument_text(a.value) from jsonb_array_elements(v_value) with ordinality a
                        order by a.ordinality);
    else
      v_filled := array[v_text];
    end if;
    if v_part.lits[1] = '' and cardinality(v_part.refs) > 0 and not v_options_ended
       and '-' = any (select left(a, 1) from unnest(v_filled) a) then
      fault := format('params.%s: executor %s takes no option here: it may not begin with -', v_part.refs[1],
                      p_executor);
      fault_code := 'OPS_004';
      return next;
      return;
    end if;
    v_argv := v_argv || to_jsonb(v_filled);
    v_options_ended := v_options_ended or v_part.written = '--';
  end loop;

  params := params || jsonb_build_object('argv', v_argv);
  if v_given - v_used <> '{}' then
    fault := (select format('params.%s: executor %s does not take it', min(k), p_executor)
                from jsonb_object_keys(v_given - v_used) k);
    fault_code := 'OPS_004';
  end if;
  return next;
end;
$$;
