create or replace function fn_decide(p_decisions jsonb)
returns table (ord bigint, id uuid, ok boolean, status text, mission_id uuid, code text, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Decides on up to 200 proposals at once, each as fn_approve_proposal or fn_reject_proposal would, and only for what
-- was shown: [{"id", "decision" (approve or reject), "digest" (of fn_inbox), "actor", "reason"}]. Each is answered, in
-- the order given: ok with what became of it, or the code and the message why not. One that is refused stops no other.
-- Locks: worker_policy, FOR SHARE; then all the proposals, in order of id; cap counters. Writes: what the decisions
-- write. Raises: OP018 for decisions that cannot be, OP045; what is no fault of one decision.
declare
  c_most constant integer := 200;
  v_faults text[];
  v_one record;
  v_done record;
begin
  if jsonb_typeof(p_decisions) is distinct from 'array' or jsonb_array_length(p_decisions) not between 1 and c_most then
    v_faults := array[format('p_decisions: must be an array of 1 to %s', c_most)];
  else
    perform _check_batch('p_decisions', p_decisions);
    v_faults := array(
      select f
        from jsonb_array_elements(p_decisions) with ordinality e (value, no)
       cross join lateral (select format('p_decisions[%s]', e.no - 1) as at) a
       cross join lateral unnest(
         _field_fault(a.at, e.value, 'object')
         || case when jsonb_typeof(e.value) = 'object' then
              _unknown_field_faults(a.at, e.value, array['id', 'decision', 'digest', 'actor', 'reason'])
              || _missing_field_faults(a.at, e.value, array['id', 'decision', 'digest'])
              || _field_fault(a.at || '.decision', e.value -> 'decision', 'approve|reject')
              || _field_fault(a.at || '.digest', e.value -> 'digest', 'text', 1, 64)
              || _field_fault(a.at || '.actor', e.value -> 'actor', 'text', 1, 500)
              || _field_fault(a.at || '.reason', e.value -> 'reason', 'text', 0, 10000)
              || case when e.value ->> 'id' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                      then array[a.at || '.id: must be the id of a proposal'] end
            else array[a.at || ': must be an object'] end) f);
  end if;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP018', message = format('OPS_018: %s', v_faults[1]),
      detail = to_jsonb(_told_faults(v_faults))::text,
      hint = 'Nothing was decided. Mend every fault listed in the detail.';
  end if;

  -- All locks first, in one order, so that batches of several persons never wait for each other in a circle.
  perform from ops_policy y where y.key = 'worker_policy' for share;
  perform
     from ops_mission_proposals p
    where p.id in (select (e ->> 'id')::uuid from jsonb_array_elements(p_decisions) e)
    order by p.id
      for update;
  perform _lock_missions_of(array(select (e ->> 'id')::uuid from jsonb_array_elements(p_decisions) e));
  for v_one in
    select e.no, (e.value ->> 'id')::uuid as id, e.value ->> 'decision' as decision, e.value ->> 'digest' as digest,
           e.value ->> 'actor' as actor, e.value ->> 'reason' as reason
      from jsonb_array_elements(p_decisions) with ordinality e (value, no)
     order by e.no
  loop
    ord := v_one.no;
    id := v_one.id;
    begin
      if not exists (select from ops_mission_proposals p where p.id = v_one.id)
         and not exists (select from ops_parked_steps q where q.step_id = v_one.id) then
        perform _raise_unknown('proposal or step', v_one.id);
      end if;
      perform fn_as_shown(v_one.id, v_one.digest);
      if v_one.decision = 'approve' then
        select * into v_done from fn_approve_proposal(v_one.id, v_one.actor, v_one.reason);
      else
        select * into v_done from fn_reject_proposal(v_one.id, v_one.actor, v_one.reason);
      end if;
      ok := true;
      status := v_done.status;
      mission_id := v_done.mission_id;
      code := null;
      reason := v_done.reason;
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      ok := false;
      status := (select p.status from ops_mission_proposals p where p.id = v_one.id);
      mission_id := null;
      code := _error_code(sqlstate);
      get stacked diagnostics reason = message_text;
    end;
    return next;
  end loop;
end;
$$;
comment on function fn_decide(jsonb) is
  'Decides on up to 200 proposals at once: [{"id", "decision" (approve or reject), "digest" (of fn_inbox), "actor", '
  '"reason"}]; a row for each, in order, with what became of it or the code why not. OPS_018 for decisions that cannot '
  'be.';
