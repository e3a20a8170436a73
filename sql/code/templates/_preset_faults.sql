create or replace function _preset_faults(p_path text, p_name text, p_preset jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a preset of worker_policy that its schema does not find: its name, its program, its placeholders.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := '{}'::text[];
  v_argv jsonb := p_preset -> 'argv';
begin
  if p_name in ('noop', 'sql', 'http', 'command', 'radar', 'agent') then
    v_faults := v_faults || (p_path || ': is the name of a built-in executor');
  end if;
  if jsonb_typeof(p_preset) <> 'object' then
    return v_faults;
  end if;
  if v_argv = '[]' or strpos(v_argv ->> 0, '{{') > 0 then
    v_faults := v_faults || (p_path || '.argv: must begin with the program, written out');
  end if;
  return v_faults || array(
    select format('%s.%s: {{ opens no placeholder; write {{params.<name>}}', p_path, _path_text(p.path))
      from _placeholders(p_preset) p
     where p.in_name
        or p.path[1] not in ('argv', 'stdin')
        or strpos(array_to_string(p.lits, ' '), '{{') > 0
        or exists (select from unnest(p.refs) r where r !~ E'^params(\\.[^.]+)+$')
     order by p.path);
end;
$$;
