create or replace function _explain_parking(p_step ops_mission_steps, p_hold text, p_hold_code text, p_versions text)
returns table (reason text, code text, detail text, frees text)
language plpgsql
stable
set search_path from current
as $$
-- The reason why a step waits, by its row in ops_parked_steps: a person, a time, an event, a mission, or a pause that
-- is lifted (pauses in force are told by _explain_pauses). p_hold: why the next claim would park it, null when it would
-- not; p_versions: the versions of the policy documents that decide that.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_schema constant text := quote_ident(current_schema());
  v_hold constant text := concat_ws(': ', p_hold_code, p_hold);
  v_parked ops_parked_steps;
  v_listens ops_event_waits;
  v_child record;
  v_asked ops_mission_proposals;
  v_state jsonb;
begin
  select * into v_parked from ops_parked_steps p where p.step_id = p_step.id;
  select * into v_listens from ops_event_waits w where w.step_id = p_step.id;
  if v_parked.waits_for = 'pause' then
    if not exists (select from ops_pauses p where p.scope = v_parked.scope and p.target = v_parked.target) then
      reason := 'pause';
      detail := format('parked by the pause of %s, which is lifted; the next heartbeat puts it back',
                       concat_ws(' ', v_parked.scope, nullif(v_parked.target, '')));
      frees := format('select %s.fn_heartbeat();', v_schema);
      return next;
    end if;
    return;
  end if;
  if v_parked.scope = 'mission' and v_parked.waits_for = 'event' then
    reason := 'mission';
    select m.id, coalesce(m.status, p.status) as status, p.id as proposal_id into v_child
      from ops_mission_proposals p
      left join ops_missions m on m.proposal_id = p.id
     where p.id = v_parked.target::uuid;
    detail := case when v_parked.target is null then 'its mission is proposed by the next heartbeat'
                   when v_child.id is null then format('it waits for its proposal %s, which is %s', v_parked.target,
                                                       coalesce(v_child.status, 'gone'))
                   else format('it waits for its mission %s, which is %s', v_child.id, v_child.status) end;
    frees := case when v_parked.target is null then format('select %s.fn_heartbeat();', v_schema)
                  when v_child.id is null then format('select * from %s.fn_explain_proposal(%L);', v_schema,
                                                      v_parked.target)
                  else format('select * from %s.fn_explain_mission(%L);', v_schema, v_child.id) end;
    return next;
    return;
  end if;
  if v_parked.waits_for = 'event' then
    reason := 'event';
    detail := concat_ws('; ', format('it waits for the first event %s since %s', v_parked.target,
                                     date_trunc('second', coalesce(v_listens.since, v_parked.since)))
                              || ' with ' || nullif(v_listens.match, '{}')::text,
                        format('at %s it stops to wait', date_trunc('second', v_parked.until)));
    frees := format('select %s.fn_resolve_step(%L, ''succeeded'');', v_schema, p_step.id);
    return next;
    return;
  end if;
  if v_parked.waits_for = 'time' then
    reason := 'time';
    if v_parked.until <= _now() then
      detail := format('its time came at %s, but no heartbeat has come', date_trunc('second', v_parked.until));
      frees := format('select %s.fn_heartbeat();', v_schema);
    else
      detail := format('it goes on at %s, in %s', date_trunc('second', v_parked.until),
                       date_trunc('second', v_parked.until - _now()));
      frees := format(case v_parked.scope when 'wait' then 'select %s.fn_resolve_step(%L, ''succeeded'');'
                                          else 'select %s.fn_retry_step(%L);' end, v_schema, p_step.id);
    end if;
    return next;
    return;
  end if;
  reason := 'hold';
  code := coalesce(p_hold_code, v_parked.code);
  detail := format('%s%s; to say how it ended instead: select %s.fn_resolve_step(%L, ''succeeded''); or ''failed''',
                   coalesce(p_step.wait_reason, 'no reason is on record'),
                   case when p_hold is null then ''
                        when p_hold_code = 'OPS_003' or v_hold = p_step.wait_reason then format(' (%s)', p_versions)
                        else format(' (by now %s; %s)', v_hold, p_versions) end,
                   v_schema, p_step.id);
  v_asked := _step_as_proposal(p_step.id);
  v_state := case when v_asked.id is not null then _approval_state(v_asked, v_asked.risk_level) end;
  if p_step.needs_approval and p_hold_code = 'OPS_009' or v_state is not null then
    reason := 'approval';
    detail := coalesce(_seats_text(v_state, v_asked.proposers),
                       concat('a person must decide', ', another than '
                              || nullif(array_to_string(v_asked.proposers, ', '), '')));
    frees := format('select * from %s.fn_approve_proposal(%L);', v_schema, p_step.id);
    return next;
    return;
  end if;
  frees := format('select %s.fn_retry_step(%L);', v_schema, p_step.id);
  return next;
end;
$$;
