create or replace function _gate_waiting(p_ids uuid[])
returns void
language plpgsql
set search_path from current
as $$
-- Gates these pending proposals, which the caller has locked, in the order in which they were made. What passes is
-- counted now, whenever it was proposed.
-- Locks: cap counters. Writes: ops_mission_proposals, ops_cap_counters, missions and steps for what policy approves,
-- and events for what waits for a person. Raises: nothing for sound data.
declare
  v_now timestamptz := _now();
  v_given record;
  v_gate record;
  v_waiting record;
begin
  if p_ids = '{}' then
    return;
  end if;
  select array_agg(w.id order by w.created_at, w.id) as ids,
         array_agg(w.template order by w.created_at, w.id) as templates,
         array_agg(w.slots order by w.created_at, w.id) as slots,
         array_agg(w.source order by w.created_at, w.id) as sources,
         array_agg(w.depth order by w.created_at, w.id) as depths,
         array_agg(w.gate_after is not null order by w.created_at, w.id) as waited,
         array_agg(w.nth order by w.created_at, w.id)::integer[] as which
    into v_given
    from (select p.id, p.template, p.slots, p.source, p.depth, p.created_at, p.gate_after,
                 row_number() over (order by p.created_at, p.id) as nth
            from ops_mission_proposals p where p.id = any (p_ids)) w;
  select * into v_gate from _gate_proposals(v_given.templates, v_given.which, v_given.sources, v_now,
                                           v_given.waited);
  -- Missions first: the trigger of the table knows an approval by its mission.
  if cardinality(array_remove(v_gate.starts, null)) > 0 then
    perform _start_missions(v_given.ids, v_gate.starts, v_given.depths, v_given.templates, v_gate.steps,
                            v_given.slots, v_gate.risks, true, v_gate.generation);
  end if;
  update ops_mission_proposals p
     set status = case when n.status = 'pending' then p.status else n.status end, reason = n.reason,
         reason_code = n.code, risk_level = n.risk,
         counted_at = case when v_gate.is_counted and n.status <> 'rejected' and n.until is null then v_now end,
         gate_after = n.until, policy_snapshot = v_gate.versions,
         approved_digest = case when n.status = 'auto_approved' then p.template_digest end,
         approved_at = case when n.status = 'auto_approved' then v_now end,
         decided_by = case when n.status <> 'pending' then 'policy' end,
         decided_login = case when n.status <> 'pending' then p.proposed_login end,
         updated_at = v_now
    from unnest(v_given.ids, v_gate.statuses, v_gate.reasons, v_gate.codes, v_gate.risks, v_gate.untils)
         n (id, status, reason, code, risk, until)
   where p.id = n.id;
  if 'pending' = any (v_gate.statuses) then
    perform _open_approvals(v_given.ids);
    perform _use_grants(array(select n.id from unnest(v_given.ids, v_gate.statuses, v_gate.untils) n (id, status, until)
                               where n.status = 'pending' and n.until is null));
    select array_agg(n.id) as ids, array_agg(n.which) as which
      into v_waiting
      from unnest(v_given.ids, v_given.which, v_gate.statuses, v_gate.untils) n (id, which, status, until)
     where n.status = 'pending' and n.until is null
       and exists (select from ops_mission_proposals p where p.id = n.id and p.status in ('pending', 'voting'));
    if v_gate.is_counted and v_waiting.ids is not null then
      perform _tell_pending(v_waiting.ids, v_waiting.which, v_given.templates);
    end if;
  end if;
end;
$$;
