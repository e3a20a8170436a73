create or replace function _check_filter(p_filter jsonb, p_fields text[], p_statuses text[] default null)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The filter of a list with those of p_fields that it sets; {} for null. Texts are globs: * stands for any characters;
-- but of a status, which is one of p_statuses.
-- Locks: none. Writes: nothing. Raises: OP018 with every fault.
declare
  c_uuid constant text := '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
  v_filter constant jsonb := coalesce(nullif(p_filter, 'null'), '{}');
  v_faults text[] := '{}';
  v_field text;
begin
  if jsonb_typeof(v_filter) <> 'object' then
    v_faults := array[format('p_filter: must be an object, not %s', jsonb_typeof(v_filter))];
  else
    v_faults := _unknown_field_faults('', v_filter, p_fields);
    foreach v_field in array p_fields loop
      v_faults := v_faults || case v_field
        when 'stuck' then _field_fault(v_field, v_filter -> v_field, 'true or false')
        when 'ids' then _field_fault(v_field, v_filter -> v_field, 'texts')
        else _field_fault(v_field, v_filter -> v_field, 'text', 1, 1000) end;
      if v_field in ('since', 'until') and jsonb_typeof(v_filter -> v_field) = 'string' then
        begin
          perform (v_filter ->> v_field)::timestamptz;
        exception when data_exception then
          v_faults := v_faults || format('%s: must be a time, not %s', v_field, left(v_filter ->> v_field, 80));
        end;
      elsif v_field = 'status' and (v_filter ->> v_field) <> all (p_statuses) then
        v_faults := v_faults || format('status: must be one of %s, not %s', array_to_string(p_statuses, ', '),
                                       quote_literal(left(v_filter ->> v_field, 80)));
      elsif v_field in ('before', 'mission_id') and (v_filter ->> v_field) !~* c_uuid then
        v_faults := v_faults || format('%s: must be an id, not %s', v_field, left(v_filter ->> v_field, 80));
      elsif v_field = 'ids' and jsonb_typeof(v_filter -> v_field) = 'array' then
        if exists (select from jsonb_array_elements(v_filter -> v_field) e where (e #>> '{}') !~* c_uuid) then
          v_faults := v_faults || 'ids: each must be an id'::text;
        end if;
      end if;
    end loop;
  end if;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP018', message = 'OPS_018: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('faults', v_faults)::text,
      hint = 'Fields of the filter: ' || array_to_string(p_fields, ', ')
        || '. * in a text stands for any characters; since and until are times.';
  end if;
  return v_filter;
end;
$$;
