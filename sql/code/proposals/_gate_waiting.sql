create or replace function _gate_waiting(p_ids uuid[])
returns void
language plpgsql
set search_path from current
as $$
-- Gates these pending proposals, which the caller has locked; those of one hour together.
-- Locks: cap counters. Writes: ops_mission_proposals, ops_cap_counters, missions and steps for what policy approves,
-- and events for what waits for a person. Raises: nothing for sound data.
declare
  v_now timestamptz := _now();
  v_group record;
  v_gate record;
  v_waiting record;
begin
  for v_group in
    with waiting as materialized (
      select p.* from ops_mission_proposals p where p.id = any (p_ids)
    )
    select min(w.created_at) as created_at, array_agg(w.id order by w.created_at, w.id) as ids,
           array_agg(w.template order by w.created_at, w.id) as templates,
           array_agg(w.slots order by w.created_at, w.id) as slots,
           array_agg(w.source order by w.created_at, w.id) as sources,
           array_agg(w.depth order by w.created_at, w.id) as depths,
           array_agg(row_number order by w.created_at, w.id)::integer[] as which
      from (select w.*, row_number() over (partition by date_trunc('hour', w.created_at at time zone 'UTC')
                                           order by w.created_at, w.id) from waiting w) w
     group by date_trunc('hour', w.created_at at time zone 'UTC')
     order by 1
  loop
    select * into v_gate from _gate_proposals(v_group.templates, v_group.which, v_group.sources, v_group.created_at);
    -- Missions first: the trigger of the table knows an approval by its mission.
    if cardinality(array_remove(v_gate.starts, null)) > 0 then
      perform _start_missions(v_group.ids, v_gate.starts, v_group.depths, v_group.templates, v_gate.steps,
                              v_group.slots, v_gate.risks, true, v_gate.generation);
    end if;
    update ops_mission_proposals p
       set status = case when n.status = 'pending' then p.status else n.status end, reason = n.reason,
           reason_code = n.code, risk_level = n.risk,
           counted_at = case when v_gate.is_counted and n.status <> 'rejected' then v_now end,
           policy_snapshot = v_gate.versions,
           approved_digest = case when n.status = 'auto_approved' then p.template_digest end,
           approved_at = case when n.status = 'auto_approved' then v_now end,
           decided_by = case when n.status <> 'pending' then 'policy' end,
           decided_login = case when n.status <> 'pending' then p.proposed_login end,
           updated_at = v_now
      from unnest(v_group.ids, v_gate.statuses, v_gate.reasons, v_gate.codes, v_gate.risks)
           n (id, status, reason, code, risk)
     where p.id = n.id;
    if 'pending' = any (v_gate.statuses) then
      perform _open_approvals(v_group.ids);
      perform _use_grants(v_group.ids);
    end if;
    if v_gate.is_counted and 'pending' = any (v_gate.statuses) then
      select array_agg(n.id) as ids, array_agg(n.which) as which
        into v_waiting
        from unnest(v_group.ids, v_group.which, v_gate.statuses) n (id, which, status)
       where n.status = 'pending'
         and exists (select from ops_mission_proposals p where p.id = n.id and p.status in ('pending', 'voting'));
      perform _tell_pending(v_waiting.ids, v_waiting.which, v_group.templates);
    end if;
  end loop;
end;
$$;
