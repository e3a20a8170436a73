create or replace function _lock_proposal(p_proposal_id uuid)
returns ops_mission_proposals
language plpgsql
set search_path from current
as $$
-- The proposal, locked until the caller commits.
-- Locks: ops_mission_proposals, FOR UPDATE. Writes: nothing. Raises: OP012 when there is none.
declare
  v_proposal ops_mission_proposals;
begin
  select * into v_proposal from ops_mission_proposals where id = p_proposal_id for update;
  if not found then
    raise exception using errcode = 'OP012',
      message = format('OPS_012: no proposal %s', coalesce(p_proposal_id::text, 'null')),
      hint = 'See ops_mission_proposals for the ids there are.';
  end if;
  return v_proposal;
end;
$$;
