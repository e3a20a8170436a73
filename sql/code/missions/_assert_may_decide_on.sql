create or replace function _assert_may_decide_on(p_mission_id uuid)
returns void
language plpgsql
set search_path from current
as $$
-- Raises unless the login may decide on a step of this mission: it has the right, and proposed neither the
-- mission nor what led to it.
-- Where the proposal is gone, only the right is asked for.
-- Locks: none. Writes: nothing. Raises: OP015.
declare
  v_proposal record;
begin
  select p.id, p.proposers into v_proposal
    from ops_mission_proposals p
   where p.id = (select m.proposal_id from ops_missions m where m.id = p_mission_id);
  perform _assert_may_decide(v_proposal.id, v_proposal.proposers);
end;
$$;
