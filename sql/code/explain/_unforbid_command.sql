create or replace function _unforbid_command(p_params jsonb, p_worker_policy jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The entries that worker_policy lacks for this command: {"command_allow": […], "command_env": […], "command_cwd":
-- […]}, no more than this command needs. Null when no entry could allow it, or none could allow it alone: a * among its
-- arguments, or a last "...", would allow other commands too. An argument that a result will fill is allowed whatever
-- its value, unless it turns out to be an option.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_policy jsonb := p_worker_policy;
  v_entries jsonb := '{}';
  v_barred record;
  v_name text;
  v_entry jsonb;
begin
  for i in 1 .. 4 loop
    v_barred := _command_forbidden(p_params, v_policy);
    if v_barred.forbidden is null then
      return v_entries;
    end if;
    v_name := v_barred.setting;
    v_entry := case v_name
      when 'command_allow' then (
        select jsonb_build_array(jsonb_agg(case when a.arg ~ E'^\\{\\{\\s*(steps|event)\\.[^{}]*\\}\\}$' then '*'
                                           else a.arg end order by a.no))
          from jsonb_array_elements_text(p_params -> 'argv') with ordinality a (arg, no))
      when 'command_env' then (
        select jsonb_agg(k order by k) from jsonb_object_keys(p_params -> 'env') k
         where not _matches_any(k, coalesce(nullif(v_policy -> 'command_env', 'null'), '[]')))
      when 'command_cwd' then jsonb_build_array(p_params -> 'cwd')
    end;
    exit when v_entry is null
           or (v_name = 'command_allow' and (v_entry -> 0 ->> -1 = '...' or exists (
                 select from jsonb_array_elements_text(p_params -> 'argv') a (arg) where strpos(a.arg, '*') > 0)))
           or (v_name <> 'command_allow' and strpos(v_entry::text, '*') > 0);
    v_entries := v_entries || jsonb_build_object(v_name, v_entry);
    v_policy := v_policy || jsonb_build_object(v_name, coalesce(nullif(v_policy -> v_name, 'null'), '[]') || v_entry);
  end loop;
  return null;
end;
$$;
