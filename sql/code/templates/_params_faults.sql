create or replace function _params_faults(p_path text, p_executor text, p_params jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of the params of a step, for the built-in executors whose params policy judges, and for kinds wait and
-- mission.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_type text := jsonb_typeof(p_params);
begin
  if v_type not in ('object', 'null') then
    return _field_fault(p_path, p_params, 'object');
  end if;
  case p_executor
    when 'sql' then
      if jsonb_typeof(p_params -> 'statement') is distinct from 'string' then
        return array[p_path || '.statement: must be the text of one SQL statement'];
      elsif jsonb_typeof(p_params -> 'args') not in ('array', 'object', 'null') then
        return array[p_path || '.args: must be an array or an object of bind arguments'];
      end if;
    when 'command' then
      if jsonb_typeof(p_params -> 'argv') is distinct from 'array' or p_params -> 'argv' = '[]'
         or coalesce(p_params -> 'argv' ->> 0, '') = ''
         or jsonb_path_exists(p_params -> 'argv', 'strict $[*] ? (@.type() != "string" && @.type() != "number")', '{}',
                              true) then
        return array[p_path || '.argv: must be an array of texts, the program first'];
      end if;
    when 'http' then
      if jsonb_typeof(p_params -> 'url') is distinct from 'string' or p_params ->> 'url' !~* '^https?://.' then
        return array[p_path || '.url: must be a text that begins with http:// or https://'];
      end if;
      return _field_fault(p_path || '.method', p_params -> 'method', 'text', 1, 20)
             || _field_fault(p_path || '.headers', p_params -> 'headers', 'object');
    when 'agent' then
      return _unknown_field_faults(p_path, p_params, array['role', 'prompt', 'messages', 'response'])
             || _missing_field_faults(p_path, p_params, array['role'])
             || _field_fault(p_path || '.role', p_params -> 'role', 'name')
             || _field_fault(p_path || '.response', p_params -> 'response', 'text|json|proposal')
             || case when num_nonnulls(nullif(p_params -> 'prompt', 'null'),
                                       nullif(p_params -> 'messages', 'null')) <> 1
                     then array[p_path || ': must have either prompt or messages'] else '{}' end
             || _field_fault(p_path || '.prompt', p_params -> 'prompt', 'text', 1, 200000)
             || case when not coalesce(jsonb_path_match(p_params -> 'messages',
                                                        'strict $.type() == "array" && $.size() > 0
                       && !exists ($[*] ? (!(@.role == "user" || @.role == "assistant")
                                           || !(@.content.type() == "string")))',
                       '{}', true), p_params -> 'messages' is null or p_params -> 'messages' = 'null')
                     then array[p_path || '.messages: must be an array of {"role": "user" or "assistant", "content": '
                                          'text}']
                     else '{}' end;
    when 'wait' then
      return _wait_faults(p_path, p_params);
    when 'mission' then
      return array(select format('%s.%s', p_path, f) from unnest(_template_faults(p_params, null)) f);
    else
      null;
  end case;
  return '{}'::text[];
end;
$$;
