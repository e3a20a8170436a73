create or replace function _fill_slots(p_document jsonb, p_slots jsonb, p_event jsonb, p_results jsonb,
                                       p_item jsonb default null)
returns table (document jsonb, slots jsonb, fault text, fault_code text)
language plpgsql
immutable
set search_path from current
as $$
-- Fills the slots of a document: references to the event when p_event is given, to results of steps when p_results is
-- given, to {"item", "index"} when p_item is given. Slots with other references are returned. Only slots are filled:
-- values are never scanned for placeholders. A placeholder alone in its text keeps the JSON type of its value (in title
-- and dedupe_key it becomes text). Among other text, objects and arrays are written as JSON, and null is a fault. fault
-- names the first path that cannot be filled (fault_code OPS_004), or the one at which all values together became too
-- large (OPS_040); no value behind it is read.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_most constant integer := 4 * 1024 * 1024;
  v_size bigint := 0;
  v_slot jsonb;
  v_segment jsonb;
  v_segments jsonb;
  v_path text[];
  v_value jsonb;
  v_text text;
  v_open boolean;
  v_alone boolean;
  v_values jsonb[] := '{}'::jsonb[];
  v_left jsonb[] := '{}'::jsonb[];
begin
  document := p_document;
  slots := '[]'::jsonb;
  for v_slot in select e from jsonb_array_elements(p_slots) e loop
    v_open := false;
    v_text := '';
    v_value := null;
    v_segments := '[]'::jsonb;
    v_alone := jsonb_array_length(v_slot -> 'segments') = 1
               and (p_event is null or v_slot -> 'path' ? 'params'
                    or not v_slot -> 'path' ?| array['title', 'dedupe_key']);
    for v_segment in select e from jsonb_array_elements(v_slot -> 'segments') e loop
      if v_segment ? 'lit' then
        v_text := v_text || (v_segment ->> 'lit');
        v_segments := v_segments || v_segment;
        continue;
      end if;

      v_path := string_to_array(v_segment ->> 'ref', '.');
      if v_path[1] = 'event' and p_event is not null then
        v_value := p_event #> v_path[2:];
      elsif v_path[1] = 'steps' and p_results is not null then
        v_value := p_results #> (v_path[2:2] || v_path[4:]);
      elsif v_path[1] in ('item', 'index') and p_item is not null then
        v_value := p_item #> v_path;
      else
        v_open := true;
        v_segments := v_segments || v_segment;
        continue;
      end if;
      if v_value is null or (v_value = 'null' and not v_alone) then
        fault := format('%s: {{%s}} %s', _path_text(array(select jsonb_array_elements_text(v_slot -> 'path'))),
                        v_segment ->> 'ref',
                        case when v_value is null then 'is not there' else 'is null and cannot be part of a text' end);
        fault_code := 'OPS_004';
        return next;
        return;
      end if;
      if v_alone then
        v_size := v_size + pg_column_size(v_value);
      else
        v_size := v_size + octet_length(v_value #>> '{}');
      end if;
      if v_size > c_most then
        fault := format('%s: with {{%s}} the values filled in are %s bytes, and %s may be; store large data elsewhere '
                        'and pass a reference', _path_text(array(select jsonb_array_elements_text(v_slot -> 'path'))),
                        v_segment ->> 'ref', v_size, c_most);
        fault_code := 'OPS_040';
        return next;
        return;
      end if;
      continue when v_alone;
      v_text := v_text || coalesce(v_value #>> '{}', '');
      v_segments := v_segments || jsonb_build_object('lit', v_value #>> '{}');
    end loop;

    if v_open then
      v_left := v_left || jsonb_build_object('path', v_slot -> 'path', 'segments', v_segments);
    else
      v_values := v_values || jsonb_build_object(
        'path', v_slot -> 'path', 'value', case when v_alone then v_value else to_jsonb(v_text) end);
    end if;
  end loop;
  if cardinality(v_values) > 0 then
    document := _set_values(p_document, to_jsonb(v_values));
  end if;
  slots := to_jsonb(v_left);
  return next;
end;
$$;
