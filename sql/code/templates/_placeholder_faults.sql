create or replace function _placeholder_faults(p_template jsonb, p_with_event boolean, p_keys text[],
                                               p_executors text[])
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of the placeholders of a template: malformed ones, ones in a field where their executor takes none, and
-- references to values that are not known when they are to be filled. p_keys and p_executors: those of its steps, in
-- order.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := '{}'::text[];
  v_here text[];
  v_place record;
  v_pos integer;
  v_is_list boolean;
  v_ref text;
  v_step_refs_pos integer[] := '{}'::integer[];
  v_step_refs_to text[] := '{}'::text[];
begin
  for v_place in select p.path, p.in_name, p.lits, p.refs from _placeholders(p_template) p order by p.path loop
    exit when cardinality(v_faults) > 1000;
    v_here := '{}'::text[];
    v_pos := null;
    v_is_list := v_place.path[1] = 'steps' and v_place.path[3] = 'for_each' and cardinality(v_place.path) = 3;
    if v_is_list or v_place.path[1] = 'steps' and v_place.path[3] = 'params' and cardinality(v_place.path) >= 4 then
      v_pos := v_place.path[2]::integer + 1;
    end if;
    if strpos(array_to_string(v_place.lits, ' '), '{{') > 0 then
      v_here := v_here || text '{{ opens no placeholder; write {{event.data.…}} or {{steps.<key>.result.…}}';
    end if;
    if cardinality(v_place.refs) > 0 and v_is_list is not true
       and (v_pos is null or v_place.in_name or p_executors[v_pos] in ('sql', 'command', 'http', 'agent',
                                                                                'mission')) then
      v_here := array_remove(v_here || case
        when v_place.in_name then 'a placeholder cannot be the name of a field'
        when v_pos is not null then _placeholder_place_fault(p_executors[v_pos], v_place.path[4:], v_place.lits,
                                                            p_template #> v_place.path[:3])
        when v_place.path not in (array['title'], array['rationale'])
          then 'a placeholder may stand in title, rationale and in the params of steps only'
      end, null);
    end if;

    foreach v_ref in array v_place.refs loop
      if v_ref ~ E'^steps\\.[A-Za-z0-9_-]{1,64}\\.result(\\.[^.]+)*$' then
        if v_pos is null then
          v_here := v_here || format('{{%s}} is not known before the mission runs', v_ref);
        else
          v_step_refs_pos := v_step_refs_pos || v_pos;
          v_step_refs_to := v_step_refs_to || split_part(v_ref, '.', 2);
        end if;
      elsif v_ref ~ E'^(index|item(\\.[^.]+)*)$' then
        if v_is_list or v_pos is null
           or nullif(p_template #> (v_place.path[:2] || array['for_each']), 'null') is null then
          v_here := v_here || format('{{%s}} is known in the params of a step with for_each only', v_ref);
        end if;
      elsif not _is_event_reference(v_ref) then
        v_here := v_here || format('{{%s}} is unknown; write {{event.data.…}} or {{steps.<key>.result.…}}', v_ref);
      elsif not p_with_event then
        v_here := v_here || format('{{%s}} has no event to come from; only reaction patterns have one', v_ref);
      end if;
    end loop;
    if cardinality(v_here) > 0 then
      v_faults := v_faults || array(select format('%s: %s', _path_text(v_place.path), h) from unnest(v_here) h);
    end if;
  end loop;
  if cardinality(v_step_refs_pos) > 0 then
    v_faults := v_faults || _reference_faults(p_template -> 'steps', p_keys, v_step_refs_pos, v_step_refs_to);
  end if;
  return v_faults;
end;
$$;
