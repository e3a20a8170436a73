create or replace function _dead_letter_filter(p_filter jsonb, p_limit integer)
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The filter of dead letters with all its fields; null for those that it does not set.
-- Locks: none. Writes: nothing. Raises: OP018 with every fault of the filter, and for a limit that cannot be.
declare
  c_fields constant text[] := array['dl_msg_id', 'what', 'executor', 'kind', 'event_type', 'pattern', 'reason',
                                    'mission_id', 'since', 'until', 'redriven', 'group', 'ids'];
  v_filter jsonb := coalesce(nullif(p_filter, 'null'), '{}');
  v_faults text[] := '{}';
  v_field text;
begin
  if jsonb_typeof(v_filter) <> 'object' then
    v_faults := array[format('p_filter: must be an object, not %s', jsonb_typeof(v_filter))];
  else
    v_faults := _unknown_field_faults('', v_filter, c_fields)
      || _field_fault('dl_msg_id', v_filter -> 'dl_msg_id', 'text', 1, 1000)
      || _field_fault('what', v_filter -> 'what', 'step|reaction|outbox|other')
      || _field_fault('executor', v_filter -> 'executor', 'text', 1, 200)
      || _field_fault('kind', v_filter -> 'kind', 'text', 1, 200)
      || _field_fault('event_type', v_filter -> 'event_type', 'text', 1, 200)
      || _field_fault('pattern', v_filter -> 'pattern', 'text', 1, 200)
      || _field_fault('reason', v_filter -> 'reason', 'text', 1, 1000)
      || _field_fault('mission_id', v_filter -> 'mission_id', 'text', 36, 36)
      || _field_fault('since', v_filter -> 'since', 'text', 1, 100)
      || _field_fault('until', v_filter -> 'until', 'text', 1, 100)
      || _field_fault('group', v_filter -> 'group', 'text', 1, 100)
      || _field_fault('ids', v_filter -> 'ids', 'texts')
      || _field_fault('redriven', v_filter -> 'redriven', 'true or false');
    -- LIKE raises when it comes to an escape character with nothing behind it, and only where a reason matches so far.
    if (length(v_filter ->> 'reason') - length(rtrim(v_filter ->> 'reason', E'\\'))) % 2 = 1 then
      v_faults := v_faults || E'reason: must not end with an escape character, a \\ that stands for no other'::text;
    end if;
    foreach v_field in array array['since', 'until'] loop
      begin
        perform (v_filter ->> v_field)::timestamptz;
      exception when data_exception then
        v_faults := v_faults || format('%s: must be a time, not %s', v_field, left(v_filter ->> v_field, 80));
      end;
    end loop;
  end if;
  if p_limit is null or p_limit not between 1 and 10000 then
    v_faults := v_faults || format('p_limit: must be 1 to 10000, not %s', coalesce(p_limit::text, 'null'));
  end if;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP018', message = 'OPS_018: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('faults', v_faults)::text,
      hint = 'Fields of the filter: ' || array_to_string(c_fields, ', ')
        || '. reason is a LIKE pattern; since and until are times.';
  end if;
  return v_filter;
end;
$$;
