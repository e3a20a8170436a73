create or replace function _end_child(p_proposal_id uuid)
returns boolean
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- No step waits for this proposal any more: it is withdrawn, or its mission cancelled, if it has not ended.
-- False where another session holds a row of it, and it is to be tried again.
-- Locks: the proposal, the mission and its steps, SKIP LOCKED; cap counters. Writes: ops_mission_proposals,
-- ops_approvals, ops_cap_counters, and what cancelling writes. Raises: nothing.
declare
  c_why constant text := 'the step that proposed it no longer waits for it';
  v_proposal ops_mission_proposals;
  v_mission ops_missions;
begin
  select p.* into v_proposal from ops_mission_proposals p where p.id = p_proposal_id for update skip locked;
  if not found then
    return not exists (select from ops_mission_proposals p where p.id = p_proposal_id);
  end if;
  if v_proposal.status in ('pending', 'voting') then
    update ops_mission_proposals p
       set status = 'rejected', reason = c_why, reason_code = null, decided_by = 'opsloop', updated_at = _now()
     where p.id = p_proposal_id;
    if v_proposal.counted_at is not null then
      perform _release_caps(v_proposal.source, v_proposal.counted_at);
    end if;
    perform _end_approval(p_proposal_id, null);
    return true;
  end if;
  select m.* into v_mission from ops_missions m where m.proposal_id = p_proposal_id;
  if v_mission.id is null or v_mission.status not in ('approved', 'running') then
    return true;
  end if;
  if _lock_free_missions(array(select s.id from ops_mission_steps s where s.mission_id = v_mission.id limit 1)) = '{}'
  then
    return false;
  end if;
  select m.* into v_mission from ops_missions m where m.id = v_mission.id;
  if v_mission.status in ('approved', 'running') then
    perform _cancel_mission(v_mission, 'opsloop', null, c_why);
  end if;
  return true;
end;
$$;
