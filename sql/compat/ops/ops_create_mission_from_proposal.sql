create or replace function ops_create_mission_from_proposal(p_proposal_id uuid)
returns uuid
language plpgsql
set search_path from current
as $$
-- The mission of fn_approve_proposal, under the name that the reference loop has, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return (select a.mission_id from fn_approve_proposal(p_proposal_id) a);
end;
$$;
