create or replace function _record_heartbeat(p_result jsonb)
returns void
language plpgsql
set search_path from current
as $$
-- Leaves heartbeat:success or heartbeat:failure for the monitoring query of the operations runbook, born processed.
-- A failure always leaves its event. Successes are recorded at most once in ten seconds, or a fleet whose workers
-- beat every second would bury the history under them.
-- Locks: none. Writes: ops_agent_events. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  if (p_result ->> 'ok')::boolean and exists (
       select from ops_agent_events
        where type = 'heartbeat:success' and created_at > v_now - interval '10 seconds') then
    return;
  end if;
  insert into ops_agent_events (id, type, data, processed_at, created_at)
  values (_uuid_v7(), case when (p_result ->> 'ok')::boolean then 'heartbeat:success' else 'heartbeat:failure' end,
          p_result, v_now, v_now);
end;
$$;
