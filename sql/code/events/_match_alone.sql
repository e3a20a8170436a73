create or replace function _match_alone(p_event_id uuid, p_patterns jsonb)
returns integer
language plpgsql
set search_path from current
as $$
-- Compares one event with the patterns, all at once, and marks it as processed; where that fails on data, with one
-- after the other. A pattern with which the event fails leaves a failed reaction with the code of the error; an event
-- that cannot be marked is set aside. Returns how many reactions were queued.
-- Locks: those of _match_events. Writes: what that writes, ops_agent_events, ops_strays. Raises: errors not caused by
-- the data.
declare
  v_now timestamptz := _now();
  v_pattern jsonb;
  v_queued integer := 0;
  v_message text;
begin
  begin
    v_queued := _match_events(array[p_event_id], p_patterns);
    update ops_agent_events set processed_at = v_now where id = p_event_id and processed_at is null;
    return v_queued;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
  end;
  v_queued := 0;
  for v_pattern in select e from jsonb_array_elements(p_patterns) e loop
    begin
      v_queued := v_queued + _match_events(array[p_event_id], jsonb_build_array(v_pattern));
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      get stacked diagnostics v_message = message_text;
      insert into ops_agent_reactions (id, event_id, pattern, status, reason, reason_code, created_at, updated_at)
      values (_uuid_v7(), p_event_id, coalesce(v_pattern ->> 'name', ''), 'failed', _error_text(sqlstate, v_message),
              _error_code(sqlstate), v_now, v_now)
      on conflict do nothing;
    end;
  end loop;
  begin
    update ops_agent_events set processed_at = v_now where id = p_event_id and processed_at is null;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
    get stacked diagnostics v_message = message_text;
    perform _set_aside('ops_agent_events', p_event_id, p_event_id::text, sqlstate, v_message);
  end;
  return v_queued;
end;
$$;
