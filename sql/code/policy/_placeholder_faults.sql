create or replace function _placeholder_faults(p_template jsonb, p_with_event boolean, p_keys text[], p_executors text[])
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- What is wrong with the placeholders of a template: malformed ones, ones where its executor takes none, and references
-- to what will not be known when they are filled. p_keys and p_executors: those of its steps, in order.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := '{}'::text[];
  v_place record;
  v_at text;
  v_pos integer;
  v_ref text;
  v_fault text;
  v_step_refs_pos integer[] := '{}'::integer[];
  v_step_refs_to text[] := '{}'::text[];
begin
  for v_place in select p.path, p.in_name, p.lits, p.refs from _placeholders(p_template) p order by p.path loop
    v_at := _path_text(v_place.path);
    v_pos := case when v_place.path[1] = 'steps' and cardinality(v_place.path) >= 4 and v_place.path[3] = 'params'
                       and v_place.path[2] ~ '^[0-9]{1,5}$'
                  then v_place.path[2]::integer + 1 end;
    if strpos(array_to_string(v_place.lits, ' '), '{{') > 0 then
      v_faults := v_faults || format('%s: {{ opens no placeholder; write {{event.data.…}} or {{steps.<key>.result.…}}', v_at);
    end if;
    continue when cardinality(v_place.refs) = 0;

    v_fault := case
      when v_place.in_name then 'a placeholder cannot be the name of a field'
      when v_pos is not null then _placeholder_place_fault(p_executors[v_pos], v_place.path[4:], v_place.lits)
      when v_place.path <> array['title'] then 'a placeholder may stand in title and in the params of steps only' end;
    if v_fault is not null then
      v_faults := v_faults || format('%s: %s', v_at, v_fault);
    end if;

    foreach v_ref in array v_place.refs loop
      if _is_event_reference(v_ref) then
        if not p_with_event then
          v_faults := v_faults || format('%s: {{%s}} has no event to come from; only reaction patterns have one', v_at, v_ref);
        end if;
      elsif v_ref !~ '^steps\.[A-Za-z0-9_-]{1,64}\.result(\.[^.]+)*$' then
        v_faults := v_faults
          || format('%s: {{%s}} is unknown; write {{event.data.…}} or {{steps.<key>.result.…}}', v_at, v_ref);
      elsif v_pos is null then
        v_faults := v_faults || format('%s: {{%s}} is not known before the mission runs', v_at, v_ref);
      else
        v_step_refs_pos := v_step_refs_pos || v_pos;
        v_step_refs_to := v_step_refs_to || split_part(v_ref, '.', 2);
      end if;
    end loop;
  end loop;
  if cardinality(v_step_refs_pos) > 0 then
    v_faults := v_faults || _reference_faults(p_template -> 'steps', p_keys, v_step_refs_pos, v_step_refs_to);
  end if;
  return v_faults;
end;
$$;
