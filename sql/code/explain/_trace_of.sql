create or replace function _trace_of(p_mission_id uuid, out trace_id text, out outer_span text, out sampled boolean)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The trace that a mission belongs to: that of the traceparent in the data of the event it came of; without one the id
-- of that event is the id of the trace. A mission that another mission caused, by an event or a step, belongs to the
-- trace of that one, twenty generations up; one that came of neither has the id of its proposal. outer_span: the span
-- in which the traceparent was sent.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_mission uuid := p_mission_id;
  v_origin record;
  v_event record;
  v_parts text[];
begin
  sampled := true;
  for v_round in 1 .. 20 loop
    select m.proposal_id, m.parent_step_id, p.event_id into v_origin
      from ops_missions m left join ops_mission_proposals p on p.id = m.proposal_id
     where m.id = v_mission;
    trace_id := replace(coalesce(v_origin.event_id, v_origin.proposal_id, v_mission)::text, '-', '');
    select e.mission_id, e.data into v_event from _event(v_origin.event_id) e;
    if not found then
      v_event := null;
      select s.mission_id, null::jsonb as data into v_event
        from ops_mission_steps s where s.id = v_origin.parent_step_id;
      exit when not found;
    end if;
    if v_event.mission_id is null then
      v_parts := regexp_match(v_event.data ->> 'traceparent', '^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$');
      if v_parts[1] <> repeat('0', 32) and v_parts[2] <> repeat('0', 16) then
        trace_id := v_parts[1];
        outer_span := v_parts[2];
        sampled := right(v_parts[3], 1) ~ '[13579bdf]';
      end if;
      return;
    end if;
    v_mission := v_event.mission_id;
  end loop;
end;
$$;
