create or replace function _wait_faults(p_path text, p_params jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of the params of a step of kind wait: seconds, until, or event with match, timeout_seconds, on_timeout and
-- since. A placeholder is judged again when the step's turn has come, and the placeholder has its value.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_params constant jsonb := coalesce(nullif(p_params, 'null'), '{}');
  v_faults text[];
begin
  v_faults := _unknown_field_faults(p_path, v_params, array['seconds', 'until', 'event', 'match', 'timeout_seconds',
                                                            'on_timeout', 'since'])
    || case when num_nonnulls(nullif(v_params -> 'seconds', 'null'), nullif(v_params -> 'until', 'null'),
                              nullif(v_params -> 'event', 'null')) <> 1
            then array[p_path || ': must have one of seconds, until and event'] else '{}' end
    || case when jsonb_typeof(v_params -> 'seconds') = 'string' and strpos(v_params ->> 'seconds', '{{') > 0 then '{}'
            else _field_fault(p_path || '.seconds', v_params -> 'seconds', 'number', 0, 315360000) end
    || case when jsonb_typeof(v_params -> 'until') = 'number'
            then _field_fault(p_path || '.until', v_params -> 'until', 'text', 1, 100)
            when strpos(v_params ->> 'until', '{{') > 0 then '{}'
            else _moment_fault(p_path || '.until', v_params -> 'until') end;
  if jsonb_typeof(v_params -> 'event') = 'null' or not v_params ? 'event' then
    return v_faults
      || case when v_params - array['seconds', 'until', 'event'] <> '{}'
              then array[p_path || ': match, timeout_seconds, on_timeout and since belong to event'] else '{}' end;
  end if;
  return v_faults
    || case when jsonb_typeof(v_params -> 'event') <> 'string'
                 or (strpos(v_params ->> 'event', '{{') = 0
                     and v_params ->> 'event' !~ '^[^[:space:][:cntrl:]]{1,200}$')
            then array[p_path || '.event: must be the type of an event, or a glob, of 1 to 200 characters without '
                                 'blanks'] else '{}' end
    || _field_fault(p_path || '.match', v_params -> 'match', 'object')
    || case when jsonb_typeof(v_params -> 'match') = 'object'
                 and (select count(*) > 20 or bool_or(k !~ '^[^.]+([.][^.]+)*$' or length(k) > 200)
                        from jsonb_object_keys(v_params -> 'match') k)
            then array[p_path || '.match: must have at most 20 paths, such as order.id'] else '{}' end
    || case when jsonb_typeof(v_params -> 'timeout_seconds') = 'string'
                 and strpos(v_params ->> 'timeout_seconds', '{{') > 0 then '{}'
            else _field_fault(p_path || '.timeout_seconds', v_params -> 'timeout_seconds', 'number', 0, 315360000) end
    || _field_fault(p_path || '.on_timeout', v_params -> 'on_timeout', 'fail|continue')
    || _field_fault(p_path || '.since', v_params -> 'since', 'ready|mission')
    || case when v_params ->> 'since' = 'mission' and v_params::text ~ '[{][{][[:space:]]*steps[.]'
            then array[p_path || '.since: when a mission begins, no step has a result yet that could be filled in']
            else '{}' end;
end;
$$;
