create or replace function _duty_proposals(p_limit integer)
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every turn: gates proposals that are pending only because a cap counter was busy when they were
-- made, or because they were over a cap whose window has ended, the oldest first. A proposal whose template was changed
-- meanwhile is left for a person (OPS_016). One on whose data that fails is rejected with the code of the error, or set
-- aside where even that fails, and stops no other.
-- Locks: the proposals, SKIP LOCKED; cap counters. Writes: ops_mission_proposals, ops_cap_counters, missions and steps
-- for what policy approves, events for what waits for a person, ops_strays. Raises: errors not caused by the data.
declare
  v_now constant timestamptz := _now();
  v_ids uuid[];
  v_id uuid;
  v_done integer := 0;
  v_sqlstate text;
  v_message text;
begin
  begin
    v_ids := array(
      select p.id from ops_mission_proposals p
       where p.status in ('pending', 'voting') and p.counted_at is null
         and coalesce(p.gate_after, p.created_at) <= v_now
         and case when _not_aside(array[p.id]) is not null
                  then p.template_digest = _template_digest(p.template, p.slots) end
       order by coalesce(p.gate_after, p.created_at), p.created_at
       limit p_limit
         for update skip locked);
    perform _gate_waiting(v_ids);
    return;
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
  end;

  for v_id in
    select p.id from ops_mission_proposals p
     where p.status in ('pending', 'voting') and p.counted_at is null
       and coalesce(p.gate_after, p.created_at) <= v_now and _not_aside(array[p.id]) is not null
     order by coalesce(p.gate_after, p.created_at), p.created_at
     limit 10000
  loop
    begin
      v_ids := array(select p.id from ops_mission_proposals p
                      where p.id = v_id and p.status in ('pending', 'voting') and p.counted_at is null
                        and p.template_digest = _template_digest(p.template, p.slots)
                        for update skip locked);
      perform _gate_waiting(v_ids);
      v_done := v_done + cardinality(v_ids);
    exception when others or assert_failure then
      if not _is_data_fault(sqlstate) then
        raise;
      end if;
      v_done := v_done + 1;
      v_sqlstate := sqlstate;
      get stacked diagnostics v_message = message_text;
      begin
        update ops_mission_proposals p
           set status = 'rejected', reason = _error_text(v_sqlstate, v_message), reason_code = _error_code(v_sqlstate),
               decided_by = 'policy', decided_login = p.proposed_login, updated_at = _now()
         where p.id = v_id;
      exception when others or assert_failure then
        if not _is_data_fault(sqlstate) then
          raise;
        end if;
        perform _set_aside('ops_mission_proposals', v_id, v_id::text, v_sqlstate, v_message);
      end;
    end;
    exit when v_done >= p_limit;
  end loop;
end;
$$;
