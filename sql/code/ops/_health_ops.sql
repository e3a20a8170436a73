create or replace function _health_ops(p_state jsonb)
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
as $$
-- For fn_check_health and fn_metrics: heartbeats, and the oldest snapshot. p_state is the row of _present_state().
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_last timestamptz := (p_state ->> 'last_heartbeat_at')::timestamptz;
  v_held_since timestamptz := (p_state ->> 'xmin_held_since')::timestamptz;
  -- Where all workers are asleep, one wakes when something is due.
  v_asleep boolean := p_state -> 'asleep_workers' = p_state -> 'live_workers'
                      and (p_state ->> 'asleep_workers')::bigint > 0 and coalesce(_seconds_until_due() > 0, true);
  v_newest text[];
  v_failures integer;
  v_phases text;
begin
  v_newest := array(select h.type from ops_agent_events h
                     where h.type in ('heartbeat:success', 'heartbeat:failure') order by h.created_at desc limit 5);
  v_failures := coalesce(array_position(v_newest, 'heartbeat:success') - 1, cardinality(v_newest));
  select string_agg(distinct format('%s: %s', x ->> 'phase', x ->> 'code'), ', ') into v_phases
    from (select e.data -> 'errors' as errors from ops_agent_events e
           where e.type in ('heartbeat:success', 'heartbeat:failure') and e.type = 'heartbeat:failure'
             and e.created_at > v_now - interval '1 hour'
           order by e.created_at desc limit 20) f
   cross join lateral jsonb_array_elements(nullif(f.errors, 'null')) x;
  return query
  values
    ('opsloop_heartbeat_age_seconds', case when not v_asleep then extract(epoch from _time_between(v_last, v_now)) end,
     coalesce(date_trunc('second', _time_between(v_last, v_now))::text || ' ago', 'none yet')
     || case when v_asleep then '; all workers are asleep, and nothing is due' else '' end),
    ('opsloop_heartbeat_failures', v_failures, v_failures::text),
    ('opsloop_heartbeat_phases_failed_total', null, v_phases),
    ('ops_heartbeat_success', (v_newest[1] is not distinct from 'heartbeat:success')::integer, null),
    ('opsloop_heartbeat_last_success_timestamp_seconds', extract(epoch from v_last), null),
    ('opsloop_snapshot_age_seconds', extract(epoch from _time_between(v_held_since, v_now)),
     concat(coalesce(p_state ->> 'xmin_holder', 'there is none'),
            ', for ' || date_trunc('second', _time_between(v_held_since, v_now))::text));
end;
$$;
