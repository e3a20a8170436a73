create or replace function _event_faults(p_event jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- Every fault of one event as given to fn_emit_events; an empty array when it is sound.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_faults text[] := '{}';
  v_rest jsonb;
begin
  if jsonb_typeof(p_event) is distinct from 'object' then
    return array['an event must be an object'];
  end if;
  if jsonb_typeof(p_event -> 'type') is distinct
    from 'string' or p_event ->> 'type' !~ '^[^[:space:][:cntrl:]]{1,200}$' then
    v_faults := v_faults || text 'type: must be text of 1 to 200 characters without blanks';
  elsif p_event ->> 'type' like any (_reserved_names('event type')) then
    v_faults := v_faults
      || text 'type: heartbeat:*, proposal:*, mission:*, step:* and dead_letter:* are reserved for the loop itself';
  end if;
  if p_event ? 'data' and jsonb_typeof(p_event -> 'data') not in ('object', 'null') then
    v_faults := v_faults || text 'data: must be an object';
  end if;
  if p_event ? 'dedupe_key' and (jsonb_typeof(p_event -> 'dedupe_key') not in ('string', 'null')
                                 or length(p_event ->> 'dedupe_key') not between 1 and 500) then
    v_faults := v_faults || text 'dedupe_key: must be text of 1 to 500 characters';
  elsif p_event ->> 'dedupe_key' like any (_reserved_names('key')) then
    v_faults := v_faults || text 'dedupe_key: opsloop:* and schedule:* are reserved for the loop itself';
  end if;
  if p_event ? 'mission_id' and jsonb_typeof(p_event -> 'mission_id') <> 'null'
     and p_event ->> 'mission_id' !~* '^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}$' then
    v_faults := v_faults || text 'mission_id: must be a uuid';
  end if;
  v_rest := p_event - array['type', 'data', 'dedupe_key', 'mission_id'];
  if v_rest <> '{}' then
    v_faults := v_faults || array(select format('%s: unknown key', k) from jsonb_object_keys(v_rest) k limit 1001);
  end if;
  return array_remove(v_faults || _number_fault('', p_event), null);
end;
$$;
