create or replace function _command_forbidden(
  p_params jsonb,
  p_worker_policy jsonb,
  p_allowed boolean default null,
  out forbidden text,
  out setting text
)
language plpgsql
immutable
set search_path from current
as $$
-- Why a command is forbidden to everybody; null when policy lets it run: an entry of command_allow must match its argv
-- (_allowed_commands), and the names in env (command_env) and cwd (command_cwd) must be listed too, as they can turn a
-- command into another program. p_allowed: whether an entry matches, where that is known. setting: the list of
-- worker_policy that lacks an entry; null when no entry could let the command run.
-- Locks: none. Writes: nothing. Raises: nothing for a sound policy.
declare
  v_argv constant jsonb := p_params -> 'argv';
  v_env constant jsonb := p_params -> 'env';
  v_cwd constant text := p_params ->> 'cwd';
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

  if not coalesce(p_allowed, (_allowed_commands(array[v_argv], p_worker_policy -> 'command_allow'))[1]) then
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
