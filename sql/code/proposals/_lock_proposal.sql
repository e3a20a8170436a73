create or replace function _lock_proposal(p_proposal_id uuid)
returns ops_mission_proposals
language plpgsql
set search_path from current
set lock_timeout = '2s'
as $$
-- The proposal, locked until the caller commits. A transaction that has it, such as one with a vote, is waited for, two
-- seconds at most, and then named.
-- Locks: ops_mission_proposals, FOR UPDATE. Writes: nothing. Raises: OP012, OP083 when there is none, OP031.
declare
  v_proposal ops_mission_proposals;
begin
  select * into v_proposal from ops_mission_proposals where id = p_proposal_id for update skip locked;
  -- A block with an exception has a transaction id of its own, under which the lock would be nobody's for the others.
  if found then
    return v_proposal;
  end if;
  begin
    select * into v_proposal from ops_mission_proposals where id = p_proposal_id for update;
  exception when lock_not_available then
    perform _raise_held(format('proposal %s', p_proposal_id), 'ops_mission_proposals',
                        array(select p.xmax from ops_mission_proposals p where p.id = p_proposal_id));
  end;
  if v_proposal.id is null then
    perform _raise_unknown('proposal', p_proposal_id);
  end if;
  return v_proposal;
end;
$$;
