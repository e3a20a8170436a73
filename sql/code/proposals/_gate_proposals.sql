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
  out epoch integer
)
language plpgsql
set search_path from current
as $$
-- The gate, the one place that says what becomes of proposals: what policy forbids and what is over a cap is rejected,
-- what policy allows is auto_approved, the rest stays pending for a person. Proposal i is p_templates[p_which[i]] of
-- p_sources[i]; null in p_which leaves it out. All are of one hour, that of p_created_at.
-- starts: p_which where a mission is to begin. is_counted: false when a cap counter was busy; then nothing was counted.
-- risks: of each template. versions and epoch: those of the documents that judged, read in one moment with them.
-- Locks: cap counters. Writes: ops_cap_counters. Raises: nothing.
declare
  v_document record;
  v_auto_approve jsonb := '{}';
  v_proposal_caps jsonb := '{}';
  v_worker_policy jsonb := '{}';
  v_judged record;
  v_verdicts text[] := '{}'::text[];
  v_why text[] := '{}'::text[];
  v_asking text[] := p_sources;
  v_caps record;
  v_refusals text[];
begin
  versions := '{}';
  epoch := 0;
  for v_document in
    select y.key, y.version, y.value from ops_policy y where y.key in ('auto_approve', 'proposal_caps', 'worker_policy')
  loop
    versions := versions || jsonb_build_object(v_document.key, v_document.version);
    if v_document.key = 'proposal_caps' then
      v_proposal_caps := v_document.value;
    else
      -- As _policy_epoch(), but of the very documents that judge.
      epoch := epoch + v_document.version;
      if v_document.key = 'auto_approve' then
        v_auto_approve := v_document.value;
      else
        v_worker_policy := v_document.value;
      end if;
    end if;
  end loop;

  risks := '{}';
  for v_judged in select j.* from _judge_templates(p_templates, v_auto_approve, v_worker_policy) j loop
    risks[v_judged.no] := _risk_name(v_judged.risk);
    if v_judged.forbidden is not null then
      v_verdicts[v_judged.no] := 'rejected';
      v_why[v_judged.no] := 'OPS_003: ' || v_judged.forbidden;
    elsif v_judged.auto_ok then
      v_verdicts[v_judged.no] := 'auto_approved';
      v_why[v_judged.no] := 'policy allows it';
    else
      v_verdicts[v_judged.no] := 'pending';
      v_why[v_judged.no] := 'OPS_009: ' || v_judged.reason;
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
