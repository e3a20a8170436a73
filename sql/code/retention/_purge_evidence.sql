create or replace function _purge_evidence(p_ids text[], p_how text)
returns table (of_table text, gone jsonb)
language plpgsql
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For proposals and steps that are purged: what was asked for, the seats, and the votes of agents go. The votes of
-- persons stay, their reasons cut to 200 characters; history_days ends them.
-- Locks: the rows. Writes: ops_approvals, ops_approval_seats, ops_proposal_votes. Raises: OP084 for an archive that
-- lacks a column.
begin
  return query select * from _purge_rows('ops_approvals', 't.proposal_id = any ($1::uuid[])', p_ids, p_how);
  return query select * from _purge_rows('ops_approval_seats', 't.proposal_id = any ($1::uuid[])', p_ids, p_how);
  return query select * from _purge_rows('ops_proposal_votes', 't.proposal_id = any ($1::uuid[]) and not t.decision',
                                         p_ids, p_how);
  update ops_proposal_votes v set reason = left(v.reason, 200)
   where v.proposal_id = any (p_ids::uuid[]) and length(v.reason) > 200;
end;
$$;
