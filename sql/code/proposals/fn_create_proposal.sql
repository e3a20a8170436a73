create or replace function fn_create_proposal(
  p_template jsonb,
  p_source text default 'manual',
  p_dedupe_key text default null
)
returns table (proposal_id uuid, status text, mission_id uuid, reason text)
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set jit = off
set lock_timeout = '2s'
as $$
-- Proposes one template and gates it, in the caller's transaction.
-- Locks: the unique index of dedupe_key, cap counters by source. Writes: ops_mission_proposals, ops_cap_counters, and
-- missions and steps for what policy approves. Raises: OP004 with every fault of the template, OP018 for a bad source
-- or key, OP045 for a template that is too large.
declare
  v_made record := _propose(array[coalesce(p_template, 'null')::text], array[coalesce(p_source, 'manual')],
                            array[p_dedupe_key]);
begin
  proposal_id := v_made.ids[1];
  status := v_made.statuses[1];
  mission_id := v_made.mission_ids[1];
  reason := v_made.reasons[1];
  return next;
end;
$$;
comment on function fn_create_proposal(jsonb, text, text) is
  'Proposes a template and gates it in the caller''s transaction: auto_approved with its mission, pending (OPS_009 '
  'says why a person must decide, OPS_003 which cap it waits for) or rejected (OPS_003: forbidden, or a cap). The '
  'same p_dedupe_key gives the first proposal. OPS_004 names every fault of the template; OPS_018 for a bad source or '
  'key, OPS_045 for a template that is too large.';
