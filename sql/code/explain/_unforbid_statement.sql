create or replace function _unforbid_statement(p_executors text[], p_params jsonb[], p_worker_policy jsonb)
returns text
language plpgsql
stable
set search_path from current
as $$
-- The statement after which worker_policy forbids none of these steps any more, by entries for exactly these commands.
-- Null when no entry would help (a preset with wrong params, a cwd with ..), and when more than 100 commands would need
-- an entry: such a text is of no use to a reader, and takes minutes to write.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_policy jsonb := p_worker_policy;
  v_entries jsonb;
  v_added jsonb := '{}';
  v_name text;
begin
  for i in 1 .. cardinality(p_executors) loop
    if v_policy -> 'presets' ? p_executors[i] then
      if exists (select from _expand_preset(p_executors[i], p_params[i], v_policy) x where x.fault is not null) then
        return null;
      end if;
    elsif p_executors[i] = 'command' then
      v_entries := _unforbid_command(p_params[i], v_policy);
      if v_entries is null then
        return null;
      end if;
      if jsonb_array_length(coalesce(v_added -> 'command_allow', '[]')) >= 100 then
        return null;
      end if;
      for v_name in select jsonb_object_keys(v_entries) loop
        v_added := v_added || jsonb_build_object(v_name, coalesce(v_added -> v_name, '[]') || (v_entries -> v_name));
        v_policy := v_policy || jsonb_build_object(v_name, coalesce(nullif(v_policy -> v_name, 'null'), '[]')
                                                   || (v_entries -> v_name));
      end loop;
    end if;
  end loop;
  return case when v_added <> '{}' then _policy_statement('worker_policy', array(
    select format('%1$L, coalesce(nullif(y.value -> %1$L, ''null''), ''[]'') || %2$L', a.key, a.value)
      from jsonb_each(v_added) a order by a.key)) end;
end;
$$;
