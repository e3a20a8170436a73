create or replace function _gate_proposals(
  p_templates jsonb[],
  p_which integer[],
  p_sources text[],
  p_at timestamptz,
  p_waited boolean[],
  out statuses text[],
  out reasons text[],
  out codes text[],
  out starts integer[],
  out untils timestamptz[],
  out is_counted boolean,
  out risks text[],
  out steps ops_template_step[],
  out versions jsonb,
  out generation integer
)
language plpgsql
set search_path from current
as $$
-- The gate: the one routine that decides the status of proposals. A forbidden template is rejected; one over a cap
-- stays pending until the window of the cap ends, or is rejected where policy says so or where too many of its source
-- wait; a template that policy allows is auto_approved; any other stays pending for a person. Proposal i is
-- p_templates[p_which[i]], known to be sound, of p_sources[i]; an entry that is null is skipped. All are counted in the
-- day and hour of p_at. p_waited: which of them waited for a cap. codes: those of the reasons. starts: p_which
-- where a mission is to begin. untils: until when those over a cap wait; these are not counted. is_counted: false when
-- a cap counter was busy; then nothing was counted. risks, steps: of the templates. versions and generation: those of
-- the documents that judged.
-- Locks: cap counters. Writes: ops_cap_counters. Raises: nothing.
declare
  v_documents constant ops_policy_documents := _documents_in_force();
  v_judged constant record := _judge_templates(p_templates, v_documents);
  -- In variables: reading an element of an array in a record takes the array apart each time.
  v_codes constant text[] := v_judged.codes;
  v_risks constant smallint[] := v_judged.risks;
  v_verdicts text[];
  v_why text[];
  v_asking text[] := p_sources;
  v_caps record;
  v_refusals text[];
  v_wait text[];
begin
  versions := v_documents.versions;
  generation := v_documents.generation;
  steps := v_judged.steps;
  for v_no in 1 .. cardinality(p_templates) loop
    risks[v_no] := _risk_name(v_risks[v_no]);
    v_verdicts[v_no] := case v_codes[v_no] when 'OPS_003' then 'rejected' when 'OPS_009' then 'pending'
                                                  else 'auto_approved' end;
    v_why[v_no] := case when v_codes[v_no] is null then 'policy allows it'
                        else v_codes[v_no] || ': ' || coalesce(v_judged.forbidden[v_no], v_judged.reasons[v_no]) end;
  end loop;

  -- Forbidden templates need no room under the caps.
  if array_position(p_which, null) is not null or 'rejected' = any (v_verdicts) then
    v_asking := array(select case when v_verdicts[p_which[i]] <> 'rejected' then p_sources[i] end
                        from generate_series(1, cardinality(p_which)) i);
  end if;
  v_caps := _reserve_caps(v_asking, p_at, v_documents.proposal_caps);
  is_counted := not v_caps.busy;
  v_refusals := v_caps.refusals;

  if is_counted and v_refusals is not null then
    v_wait := _wait_for_caps(p_sources, v_refusals, v_caps.untils, v_documents.proposal_caps, p_waited);
    untils := array(select case when v_wait[i] is null then v_caps.untils[i] end
                      from generate_series(1, cardinality(p_which)) i);
  end if;

  for i in 1 .. cardinality(p_which) loop
    if v_refusals[i] is null then
      statuses[i] := v_verdicts[p_which[i]];
      reasons[i] := v_why[p_which[i]];
      codes[i] := v_codes[p_which[i]];
      starts[i] := case when statuses[i] = 'auto_approved' then p_which[i] end;
    else
      statuses[i] := case when is_counted and untils[i] is null then 'rejected' else 'pending' end;
      reasons[i] := case when not is_counted then v_refusals[i]
                         when untils[i] is null then 'OPS_003: ' || v_refusals[i] || v_wait[i]
                         else 'OPS_003: ' || format('%s; it waits until %s UTC', v_refusals[i],
                                                to_char(untils[i] at time zone 'UTC', 'YYYY-MM-DD HH24:MI')) end;
      codes[i] := case when is_counted then 'OPS_003' end;
      starts[i] := null;
    end if;
  end loop;
end;
$$;
