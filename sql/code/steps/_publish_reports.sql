create or replace function _publish_reports(p_completions jsonb, p_accepted uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
as $$
-- Stores the events and outbox rows that accepted completions bring along, in their order.
-- Locks: unique indexes of dedupe keys. Writes: ops_agent_events, ops_ready, outbox. Raises: OP018, OP019.
declare
  v_events jsonb;
begin
  select jsonb_agg(case jsonb_typeof(e) when 'object' then e || jsonb_build_object('mission_id', s.mission_id) else e end
                   order by c.ord, n)
    into v_events
    from jsonb_array_elements(p_completions) with ordinality c (report, ord)
    join ops_mission_steps s on s.id = (c.report ->> 'step_id')::uuid and s.id = any (p_accepted)
                            and s.lease_token = (c.report ->> 'lease_token')::uuid
   cross join lateral jsonb_array_elements(coalesce(nullif(c.report -> 'events', 'null'), '[]')) with ordinality e (e, n);
  if v_events is not null then
    perform fn_emit_events(v_events);
  end if;

  perform fn_publish_outbox(o ->> 'aggregate_type', o ->> 'aggregate_id', o ->> 'event_type',
                            coalesce(o -> 'payload', '{}'), o ->> 'dedupe_key')
     from jsonb_array_elements(p_completions) with ordinality c (report, ord)
    cross join lateral jsonb_array_elements(coalesce(nullif(c.report -> 'outbox', 'null'), '[]')) with ordinality e (o, n)
    where (c.report ->> 'step_id')::uuid = any (p_accepted)
    order by c.ord, e.n;
end;
$$;
