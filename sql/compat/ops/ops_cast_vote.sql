create or replace function ops_cast_vote(p_proposal_id uuid, p_agent_role text, p_vote text, p_reason text default null)
returns jsonb
language plpgsql
set search_path from current
as $$
-- As fn_cast_vote, under the name that the reference loop has, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return (select jsonb_build_object('status', v.status, 'reason', v.reason)
            from fn_cast_vote(p_proposal_id, p_agent_role, p_vote, p_reason) v);
end;
$$;
