create or replace function _command_forbidden(
  p_params jsonb,
  p_worker_policy jsonb,
  out forbidden text,
  out setting text
)
language plpgsql
immutable
set search_path from current
as $$
-- Why a command is forbidden to everybody; null when policy lets it run. An entry of command_allow must match its argv:
-- a glob for each argument, the program first (_argument_allowed says when one matches). A last item that is a list of
-- globs matches any number of further arguments, each of which matches one of them; a last "..." is short for ["*"].
-- The names in env (command_env) and cwd (command_cwd) must be listed too, as they can turn a command into another
-- program. setting: the list of worker_policy that lacks an entry; null when no entry could let the command run.
-- Locks: none. Writes: nothing. Raises: nothing for a sound policy.
declare
  v_argv constant jsonb := p_params -> 'argv';
  v_env constant jsonb := p_params -> 'env';
  v_cwd constant text := p_params ->> 'cwd';
  v_program constant text := v_argv ->> 0;
  v_argument constant text := v_argv ->> 1;
  v_count integer;
  v_entry jsonb;
  v_fixed integer;
  v_more jsonb;
  v_matches boolean := false;
begin
  if jsonb_typeof(v_argv) is distinct from 'array' or v_argv = '[]'
     or jsonb_path_exists(v_argv, 'strict $[*] ? (@.type() != "string" && @.type() != "number" && @.type() != '
                                  '"boolean")', '{}', true)
  then
    forbidden := format('params.argv: every argument of a command must be a text, not %s',
                        left(coalesce(v_argv::text, 'nothing'), 200));
    return;
  end if;

  -- No system takes an argument that long; and so globs are cheap.
  if octet_length(v_argv::text) > 131072 then
    forbidden := format('params.argv: the arguments of a command have 131072 bytes at most, not %s; pass what is large '
                        'on stdin', octet_length(v_argv::text));
    return;
  end if;

  v_count := jsonb_array_length(v_argv);
  -- The first two globs of each entry are compared by one statement: most entries are about something else.
  for v_entry in
    select e from jsonb_array_elements(nullif(p_worker_policy -> 'command_allow', 'null')) e
     where case jsonb_typeof(e -> 0) when 'string'
             then e ->> 0 = v_program or e ->> 0 = '...'
                  or (strpos(e ->> 0, '*') > 0 and v_program like _like_pattern(e ->> 0))
           else true end
       and case jsonb_typeof(e -> 1) when 'string'
             then e ->> 1 = v_argument or e ->> 1 = '...'
                  or (strpos(e ->> 1, '*') > 0 and v_argument like _like_pattern(e ->> 1))
           else true end
  loop
    v_more := case when v_entry -> -1 = '"..."' then '["*"]'
                   when jsonb_typeof(v_entry -> -1) = 'array' then v_entry -> -1 end;
    v_fixed := jsonb_array_length(v_entry) - (v_more is not null)::integer;
    v_matches := v_count = v_fixed or (v_more is not null and v_count > v_fixed);
    for i in 0 .. v_count - 1 loop
      exit when not v_matches;
      v_matches := _argument_allowed(v_argv ->> i, case when i < v_fixed then v_entry -> i else v_more end);
    end loop;
    exit when v_matches;
  end loop;
  if not v_matches then
    setting := 'command_allow';
    forbidden := format('command %s is not on worker_policy.command_allow', left(v_argv::text, 200));
    return;
  end if;

  if jsonb_typeof(v_env) = 'object' and v_env <> '{}' then
    select format('params.env: %s is not on worker_policy.command_env', string_agg(k, ', ')) into forbidden
      from jsonb_object_keys(v_env) k
     where not _matches_any(k, p_worker_policy -> 'command_env')
    having count(*) > 0;
    if forbidden is not null then
      setting := 'command_env';
      return;
    end if;
  end if;
  if v_cwd is not null then
    if v_cwd ~ E'(^|/)\\.\\.(/|$)' then
      forbidden := format('params.cwd: %s is not on worker_policy.command_cwd', v_cwd);
    elsif not _matches_any(v_cwd, p_worker_policy -> 'command_cwd') then
      setting := 'command_cwd';
      forbidden := format('params.cwd: %s is not on worker_policy.command_cwd', v_cwd);
    end if;
  end if;
end;
$$;
