create or replace function _propose_child(p_step_id uuid)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- Proposes the mission of a step of kind mission, which waits for it from now on: one cause deeper, and by those who
-- proposed the mission of the step. It is gated like any other. A step that is run again takes the mission that it
-- proposed last, if that lives or has succeeded. The caller holds the mission of the step, and its steps.
-- Locks: the unique index of dedupe_key, cap counters. Writes: ops_agent_events, ops_ready, ops_mission_proposals,
-- ops_child_missions, ops_parked_steps, and missions and steps for what policy approves. Raises: OP045 for what is too
-- large.
declare
  c_max_depth constant integer := 5;
  v_step record;
  v_filled record;
  v_faults text[];
  v_nth integer := 0;
  v_last record;
  v_proposal_id uuid;
  v_event_id uuid;
begin
  select s.id, s.key, s.mission_id, s.params, s.slots, m.depth, p.proposed_login into v_step
    from ops_mission_steps s
    join ops_parked_steps q on q.step_id = s.id and q.scope = 'mission' and q.target is null
    join ops_missions m on m.id = s.mission_id
    left join ops_mission_proposals p on p.id = m.proposal_id
   where s.id = p_step_id and s.status = 'waiting';
  if not found then
    return;
  end if;
  loop
    select p.id, p.status, m.status as mission_status into v_last
      from ops_mission_proposals p
      left join ops_missions m on m.proposal_id = p.id
     where p.dedupe_key = format('opsloop:step:%s:%s', p_step_id, v_nth + 1) and p.source <> 'trigger';
    exit when not found;
    v_nth := v_nth + 1;
    v_proposal_id := case when v_last.status in ('pending', 'voting')
                               or v_last.mission_status in ('approved', 'running', 'succeeded') then v_last.id end;
  end loop;

  if v_proposal_id is null then
    select f.params, f.fault, f.fault_code into v_filled
      from _fill_step(v_step.params, v_step.slots,
                      case when v_step.slots is not null then _step_results(v_step.mission_id, v_step.slots) end) f;
    if v_filled.fault is null and v_step.depth + 1 > c_max_depth then
      v_filled.fault := format('this mission is %s causes deep; its steps may not propose more', v_step.depth);
      v_filled.fault_code := 'OPS_003';
    end if;
    if v_filled.fault is null then
      perform _check_template('params', v_filled.params, 'template_bytes');
      v_faults := _template_faults(v_filled.params, null);
      v_filled.fault := v_faults[1];
      v_filled.fault_code := 'OPS_004';
    end if;
    if v_filled.fault is not null then
      perform _fail_waits(array[p_step_id], array[v_filled.fault], array[v_filled.fault_code]);
      return;
    end if;
    v_event_id := (_emit_events(
      array['step:proposed'],
      array[jsonb_build_object('step_id', p_step_id, 'key', v_step.key, 'source', 'step:mission', 'proposals', 1)],
      array[null::text], array[v_step.mission_id], null))[1];
    -- Its texts are exact: a text that looks like a placeholder came with data, and is none.
    v_proposal_id := (_create_proposals(
      array[v_filled.params], array[jsonb '[]'], array[1], array[text 'step:mission'],
      array[format('opsloop:step:%s:%s', p_step_id, v_nth + 1)], array[v_event_id], null, array[v_step.depth + 1],
      array[v_step.proposed_login],
      array((select e.proposers::text from _event_proposers(array[v_event_id]) e)))).ids[1];
  end if;

  insert into ops_child_missions (step_id, proposal_id)
  values (p_step_id, v_proposal_id)
  on conflict (step_id) do update set proposal_id = excluded.proposal_id, mission_id = null, abandoned = false;
  update ops_parked_steps q set target = v_proposal_id::text where q.step_id = p_step_id;
end;
$$;
