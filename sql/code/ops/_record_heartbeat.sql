create or replace function _record_heartbeat(p_result jsonb)
returns void
language plpgsql
set search_path from current
as $$
-- Stores heartbeat:success or heartbeat:failure for the monitoring query of the operations runbook, as processed. Every
-- failure is stored. Successes are stored at most once in ten seconds, as the workers of a fleet may each beat every
-- second.
-- Locks: none. Writes: ops_agent_events, and ops_counts for phases that failed. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  if (p_result ->> 'ok')::boolean and exists (
       select from ops_agent_events
        where type = 'heartbeat:success' and created_at > v_now - interval '10 seconds') then
    return;
  end if;
  perform _count('opsloop_heartbeat_phases_failed_total', jsonb_array_length(p_result -> 'errors'));
  insert into ops_agent_events (id, type, data, processed_at, created_at)
  values (_uuid_v7(), case when (p_result ->> 'ok')::boolean then 'heartbeat:success' else 'heartbeat:failure' end,
          p_result, v_now, v_now);
end;
$$;
