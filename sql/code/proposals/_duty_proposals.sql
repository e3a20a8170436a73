create or replace function _duty_proposals(p_limit integer)
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every turn: gates proposals that are pending only because a cap counter was busy when they were
-- made. A proposal whose template was changed meanwhile is left for a person (OPS_016). One on whose data that fails is
-- rejected with the code of the error, and stops no other.
-- Locks: the proposals, SKIP LOCKED; cap counters. Writes: ops_mission_proposals, ops_cap_counters, missions and steps
-- for what policy approves, and events for what waits for a person. Raises: what is no fault
-- of the data.
declare
  v_ids uuid[] := array(
    select p.id from ops_mission_proposals p
     where p.status in ('pending', 'voting') and p.counted_at is null
       and p.template_digest = _template_digest(p.template, p.slots)
     order by p.created_at
     limit p_limit
       for update skip locked);
  v_id uuid;
  v_message text;
begin
  begin
    perform _gate_waiting(v_ids);
  exception when others or assert_failure then
    if not _is_data_fault(sqlstate) then
      raise;
    end if;
    foreach v_id in array v_ids loop
      begin
        perform _gate_waiting(array[v_id]);
      exception when others or assert_failure then
        if not _is_data_fault(sqlstate) then
          raise;
        end if;
        get stacked diagnostics v_message = message_text;
        update ops_mission_proposals p
           set status = 'rejected', reason = _error_text(sqlstate, v_message), reason_code = _error_code(sqlstate),
               decided_by = 'policy', decided_login = p.proposed_login, updated_at = _now()
         where p.id = v_id;
      end;
    end loop;
  end;
end;
$$;
