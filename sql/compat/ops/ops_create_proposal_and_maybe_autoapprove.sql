create or replace function ops_create_proposal_and_maybe_autoapprove(p_dedupe_key text, p_source text, p_template jsonb)
returns table (proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
set search_path from current
as $$
-- As fn_create_proposal, under the name that the reference loop has, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return query select * from fn_create_proposal(p_template, p_source, p_dedupe_key);
end;
$$;
