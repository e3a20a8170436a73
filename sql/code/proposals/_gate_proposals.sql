create or replace function _gate_proposals(
  p_templates jsonb[],
  p_which integer[],
  p_sources text[],
  p_created_at timestamptz,
  out statuses text[],
  out reasons text[],
  out starts integer[],
  out is_counted boolean,
  out risks text[],
  out versions jsonb,
  out generation integer
)
language plpgsql
set search_path from current
as $$
-- The gate, the one place that says what becomes of proposals: what policy forbids and what is over a cap is rejected,
-- what policy allows is auto_approved, the rest stays pending for a person. Proposal i is p_templates[p_which[i]] of
-- p_sources[i]; null in p_which leaves it out. All are of one hour, that of p_created_at.
-- starts: p_which where a mission is to begin. is_counted: false when a cap counter was busy; then nothing was counted.
-- risks: of each template. versions and generation: those of the documents that judged, read in one moment with them.
-- Locks: cap counters. Writes: ops_cap_counters. Raises: nothing.
declare
  v_keys text[];
  v_documents jsonb[];
  v_auto_approve jsonb;
  v_proposal_caps jsonb;
  v_worker_policy jsonb;
  v_judged record;
  v_verdicts text[];
  v_why text[];
  v_asking text[] := p_sources;
  v_caps record;
  v_refusals text[];
begin
  -- The generation as _policy_generation(), but of the very documents that judge.
  select coalesce(jsonb_object_agg(y.key, y.version), '{}'), array_agg(y.key), array_agg(y.value),
         coalesce(sum(y.version) filter (where y.key <> 'proposal_caps'), 0)
    into versions, v_keys, v_documents, generation
    from ops_policy y where y.key in ('auto_approve', 'proposal_caps', 'worker_policy');
  v_auto_approve := coalesce(v_documents[array_position(v_keys, 'auto_approve')], '{}');
  v_proposal_caps := coalesce(v_documents[array_position(v_keys, 'proposal_caps')], '{}');
  v_worker_policy := coalesce(v_documents[array_position(v_keys, 'worker_policy')], '{}');

  v_judged := _judge_templates(p_templates, v_auto_approve, v_worker_policy);
  for v_no in 1 .. cardinality(p_templates) loop
    risks[v_no] := _risk_name(v_judged.risks[v_no]);
    if v_judged.forbidden[v_no] is not null then
      v_verdicts[v_no] := 'rejected';
      v_why[v_no] := 'OPS_003: ' || v_judged.forbidden[v_no];
    elsif v_judged.auto_oks[v_no] then
      v_verdicts[v_no] := 'auto_approved';
      v_why[v_no] := 'policy allows it';
    else
      v_verdicts[v_no] := 'pending';
      v_why[v_no] := 'OPS_009: ' || v_judged.reasons[v_no];
    end if;
  end loop;

  -- What is forbidden asks for no room under the caps.
  if array_position(p_which, null) is not null or 'rejected' = any (v_verdicts) then
    v_asking := array(select case when v_verdicts[p_which[i]] <> 'rejected' then p_sources[i] end
                        from generate_series(1, cardinality(p_which)) i);
  end if;
  v_caps := _reserve_caps(v_asking, p_created_at, v_proposal_caps);
  is_counted := not v_caps.busy;
  v_refusals := v_caps.refusals;

  select array_agg(case when v_refusals[i] is null then v_verdicts[p_which[i]]
                        when is_counted then 'rejected' else 'pending' end),
         array_agg(coalesce(v_refusals[i], v_why[p_which[i]])),
         array_agg(case when v_refusals[i] is null and v_verdicts[p_which[i]] = 'auto_approved' then p_which[i] end)
    into statuses, reasons, starts
    from generate_series(1, cardinality(p_which)) i;
end;
$$;
