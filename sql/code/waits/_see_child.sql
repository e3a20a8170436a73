create or replace function _see_child(p_step_id uuid)
returns void
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- The proposal of this step has been decided on: its mission is told whose end the step waits for, or, where it has
-- ended, or will never be, the step is looked at. A mission that another session has locked is left for later.
-- Locks: ops_missions, SKIP LOCKED. Writes: ops_child_missions, ops_missions, ops_timers. Raises: nothing.
declare
  v_child ops_child_missions;
  v_mission record;
begin
  select * into v_child from ops_child_missions c where c.step_id = p_step_id;
  select m.id, m.status into v_mission
    from ops_missions m where m.proposal_id = v_child.proposal_id for no key update skip locked;
  if found then
    update ops_missions m set parent_step_id = p_step_id where m.id = v_mission.id;
    update ops_child_missions c set mission_id = v_mission.id where c.step_id = p_step_id;
    if v_mission.status in ('approved', 'running') then
      return;
    end if;
  elsif exists (select from ops_missions m where m.proposal_id = v_child.proposal_id) then
    return;
  end if;
  perform _tell_parents(array[p_step_id]);
end;
$$;
