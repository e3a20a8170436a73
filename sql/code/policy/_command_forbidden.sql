create or replace function _command_forbidden(p_params jsonb, p_command_allow jsonb)
returns text
language plpgsql
immutable
set search_path from current
as $$
-- Why nobody may run this command; null when an entry of worker_policy.command_allow matches it. An entry is a list of
-- globs, one per argument, the program first; a last "..." stands for any further arguments. A {{steps.…}} that is not
-- filled yet matches only * and "...": the claim judges it again when it is known.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_argv jsonb := p_params -> 'argv';
  v_count integer;
  v_entry jsonb;
  v_fixed integer;
  v_more boolean;
  v_matches boolean;
  v_arg text;
  v_glob text;
begin
  if jsonb_typeof(v_argv) is distinct from 'array' or v_argv = '[]' then
    return 'params.argv is no list of arguments';
  end if;
  if jsonb_path_exists(v_argv, 'strict $[*] ? (@.type() == "object" || @.type() == "array" || @.type() == "null")', '{}', true) then
    return 'params.argv: every argument must be a text, not ' || left(v_argv::text, 200);
  end if;

  v_count := jsonb_array_length(v_argv);
  for v_entry in
    select e from jsonb_array_elements(case jsonb_typeof(p_command_allow) when 'array' then p_command_allow else '[]' end) e
  loop
    v_more := coalesce(v_entry ->> -1 = '...', false);
    v_fixed := jsonb_array_length(v_entry) - v_more::integer;
    v_matches := v_count = v_fixed or (v_more and v_count > v_fixed);
    for i in 0 .. v_fixed - 1 loop
      exit when not v_matches;
      v_arg := v_argv ->> i;
      v_glob := v_entry ->> i;
      v_matches := v_glob = '*' or (v_arg !~ '^\{\{\s*(steps|event)\.[^{}]*\}\}$'
                                    and (v_glob = v_arg or _matches_any(v_arg, to_jsonb(v_glob))));
    end loop;
    if v_matches then
      return null;
    end if;
  end loop;
  return format('command %s is not on worker_policy.command_allow', left(v_argv::text, 200));
end;
$$;
