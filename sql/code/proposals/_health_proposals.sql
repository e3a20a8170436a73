create or replace function _health_proposals()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: how many proposals come, how late, and how many a cap keeps.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_latency double precision;
  v_recent bigint;
  v_capped record;
begin
  select count(*) into v_recent
    from (select n.created_at from ops_mission_proposals n order by n.id desc limit 10000) p
   where p.created_at > v_now - interval '1 hour';
  select percentile_cont(0.95) within group (order by extract(epoch from _time_between(e.created_at, p.created_at)))
    into v_latency
    from (select n.event_id, n.created_at from ops_mission_proposals n order by n.id desc limit 1000) p
    join ops_agent_events e on e.id = p.event_id
   where p.created_at > v_now - interval '24 hours';
  select count(*) as n, min(c.gate_after) as until into v_capped
    from (select p.gate_after from ops_mission_proposals p
           where p.status in ('pending', 'voting') and p.counted_at is null and p.gate_after is not null
           limit 10000) c;
  return query
  values
    ('opsloop_proposal_latency_seconds', v_latency::numeric, coalesce(round(v_latency)::text || ' s', 'none')),
    ('opsloop_recent_proposals', v_recent, v_recent::text),
    ('opsloop_proposals_over_cap', v_capped.n,
     case v_capped.n when 0 then 'none' else format('%s proposals, until %s', v_capped.n, v_capped.until) end);
end;
$$;
