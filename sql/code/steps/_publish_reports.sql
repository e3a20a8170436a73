create or replace function _publish_reports(p_completions jsonb, p_accepted uuid[])
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Stores the events and outbox messages that accepted completions bring, in their order. Of several reports of one step
-- only the accepted one counts: the first with the right token. Messages with "traced": true keep which step brought
-- them.
-- Locks: unique indexes of dedupe keys. Writes: ops_agent_events, ops_ready, outbox. Raises: OP018, OP019,
-- OP045.
declare
  v_reports jsonb;
  v_events jsonb;
  v_traced bigint[];
  v_steps uuid[];
begin
  select jsonb_agg(jsonb_build_object('mission_id', r.mission_id, 'step_id', r.id,
                                      'events', nullif(r.report -> 'events', 'null'),
                                      'outbox', nullif(r.report -> 'outbox', 'null')) order by r.ord)
    into v_reports
    from (select distinct on (s.id) s.id, s.mission_id, c.report, c.ord
            from unnest(p_accepted) a (id)
           -- Plans 1
           cross join lateral (select t.id, t.mission_id, t.lease_token from ops_mission_steps t
                               where t.id = a.id limit 1) s
            join jsonb_array_elements(p_completions) with ordinality c (report, ord)
              on (c.report ->> 'step_id')::uuid = s.id and (c.report ->> 'lease_token')::uuid = s.lease_token
           order by s.id, c.ord) r;

  -- Offset 0: the whole report is not sorted along with each of its events.
  select jsonb_agg(o.event order by o.ord, o.n)
    into v_events
    from (select case jsonb_typeof(e.event)
                   when 'object' then e.event || jsonb_build_object('mission_id', c.report -> 'mission_id')
                   else e.event end as event, c.ord, e.n
            from jsonb_array_elements(v_reports) with ordinality c (report, ord)
           cross join lateral jsonb_array_elements(coalesce(nullif(c.report -> 'events', 'null'), '[]'))
                 with ordinality e (event, n)
          offset 0) o;
  if v_events is not null then
    perform fn_emit_events(v_events);
  end if;

  with published as materialized (
    select fn_publish_outbox(o ->> 'aggregate_type', o ->> 'aggregate_id', o ->> 'event_type',
                             coalesce(o -> 'payload', '{}'), o ->> 'dedupe_key') as id,
           (c.report ->> 'step_id')::uuid as step_id, o -> 'traced' as traced
      from jsonb_array_elements(v_reports) with ordinality c (report, ord)
     cross join lateral jsonb_array_elements(coalesce(nullif(c.report -> 'outbox', 'null'),
                                                      '[]')) with ordinality e (o, n)
     order by c.ord, e.n
  )
  select array_agg(p.id) filter (where p.traced = 'true'), array_agg(p.step_id) filter (where p.traced = 'true')
    into v_traced, v_steps
    from published p;
  if v_traced is not null then
    update outbox o
       set step_id = t.step_id
      from unnest(v_traced, v_steps) t (id, step_id)
     where o.id = t.id and o.step_id is null;
  end if;
end;
$$;
