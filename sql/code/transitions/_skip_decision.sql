create or replace function _skip_decision(p_gate text, p_sd_type text, p_policy jsonb, p_version integer)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- Whether directives of a type skip a gate, by the policy document gate_applicability: not applicable by the matrix, a
-- planning gate of a lightweight type, or a code gate of a type that is like documentation. Names count without regard
-- to case; a gate that is not listed is not skipped. A skipped result has no score that could raise the others.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_gate constant text := upper(btrim(p_gate));
  v_type constant text := lower(btrim(p_sd_type));
  v_reason text;
begin
  v_reason := case
    when exists (select from jsonb_each(p_policy -> 'matrix') t
                  cross join lateral jsonb_each_text(t.value) g
                  where lower(t.key) = v_type and upper(g.key) = v_gate and g.value = 'NON_APPLICABLE')
      then 'NON_APPLICABLE_SD_TYPE'
    when _listed(v_type, p_policy #> '{lightweight,types}') and _listed(v_gate, p_policy #> '{lightweight,gates}')
      then 'LIGHTWEIGHT_SD_TYPE'
    when _listed(v_type, p_policy #> '{documentation,types}') and _listed(v_gate, p_policy #> '{documentation,gates}')
      then 'DOCUMENTATION_SD_TYPE' end;
  return jsonb_build_object(
    'shouldSkip', v_reason is not null, 'reason', v_reason, 'sdType', coalesce(p_sd_type, 'unknown'),
    'validatorName', p_gate, 'policyVersion', p_version,
    'result', case when v_reason is not null then jsonb_build_object(
      '_skipped', true, 'reason', v_reason, 'passed', true, 'score', 0, 'maxScore', 100, 'issues', '[]'::jsonb,
      'warnings', '[]'::jsonb, 'details', jsonb_build_object('sdType', p_sd_type, 'policyVersion', p_version)) end);
end;
$$;
