create or replace function fn_create_proposal(
  p_template jsonb,
  p_source text default 'manual',
  p_dedupe_key text default null
)
returns table (proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
as $$
-- Proposes one template and gates it, in the caller's transaction.
-- Locks: the unique index of dedupe_key, cap counters. Writes: ops_mission_proposals, ops_cap_counters, and a mission
-- with its steps when policy approves. Raises: OP004 with every fault of the template, OP018 for a bad source or key.
begin
  return query
  select c.proposal_id, c.status, c.mission_id, c.reason
    from fn_create_proposals(jsonb_build_array(jsonb_build_object(
           'template', p_template, 'source', p_source, 'dedupe_key', p_dedupe_key))) c;
end;
$$;
comment on function fn_create_proposal(jsonb, text, text) is
  'Proposes a template and gates it in the caller''s transaction: auto_approved with its mission, pending (OPS_009 says why a person must decide) or rejected (OPS_003: a cap, or forbidden). The same p_dedupe_key gives the first proposal. OPS_004 names every fault of the template; OPS_018 for a bad source or key.';
