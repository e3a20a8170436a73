create or replace function _assert_may_decide_on(p_mission_id uuid)
returns void
language plpgsql
set search_path from current
as $$
-- That the login may decide on a step of this mission, as _assert_may_decide has it for the proposal of the mission. It
-- is asked also where the proposal is gone: then only for the right itself.
-- Locks: none. Writes: nothing. Raises: OP015.
declare
  v_proposal record;
begin
  select p.id, p.proposed_login into v_proposal
    from ops_mission_proposals p
   where p.id = (select m.proposal_id from ops_missions m where m.id = p_mission_id);
  perform _assert_may_decide(v_proposal.id, v_proposal.proposed_login);
end;
$$;
