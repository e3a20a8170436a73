create or replace function _wait_faults(p_path text, p_params jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of the params of a step of kind wait: seconds or until. What is a placeholder is judged again when the
-- step's turn has come, and the placeholder has its value.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_params constant jsonb := coalesce(nullif(p_params, 'null'), '{}');
  v_ways constant integer := num_nonnulls(nullif(v_params -> 'seconds', 'null'), nullif(v_params -> 'until', 'null'));
begin
  return _unknown_field_faults(p_path, v_params, array['seconds', 'until'])
    || case when v_ways <> 1 then array[p_path || ': must have one of seconds and until'] else '{}' end
    || case when jsonb_typeof(v_params -> 'seconds') = 'string' and strpos(v_params ->> 'seconds', '{{') > 0 then '{}'
            else _field_fault(p_path || '.seconds', v_params -> 'seconds', 'number', 0, 315360000) end
    || case when jsonb_typeof(v_params -> 'until') = 'number'
            then _field_fault(p_path || '.until', v_params -> 'until', 'text', 1, 100)
            when strpos(v_params ->> 'until', '{{') > 0 then '{}'
            else _moment_fault(p_path || '.until', v_params -> 'until') end;
end;
$$;
