create or replace function fn_evaluate_gates(p_sd_id text, p_gate_results jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- Whether the gates let a directive pass: every required gate that is not skipped has passed, and the weighted score
-- of these reaches the threshold of the directive's type. The score is a fraction of two exact numbers. They are
-- multiplied, never divided, where they are compared, so that nothing is rounded; shown numbers are rounded down.
-- Locks: none. Writes: nothing. Raises: OP012 for a directive that is not there, OP018 when p_gate_results is no
-- object, OP045 when it is too large: the exact fraction has as many digits as all scores together.
declare
  v_type constant text := (_known_directive(p_sd_id)).sd_type;
  v_threshold numeric;
  v_skips jsonb;
  v_gates jsonb := '{}';
  v_gate record;
  v_issues jsonb := '[]';
  v_failed text;
  v_fixed integer := 0;
  v_above numeric := 0;
  v_below numeric := 1;
  v_weights numeric := 0;
  v_score numeric;
  v_short boolean;
begin
  if jsonb_typeof(coalesce(p_gate_results, '{}')) <> 'object' then
    raise exception using errcode = 'OP018',
      message = format('OPS_018: p_gate_results must be an object, results by gate, not %s',
                       jsonb_typeof(p_gate_results)),
      hint = 'For example: {"TESTING": {"passed": true, "score": 95, "maxScore": 100}}.';
  end if;
  perform _check_size('p_gate_results', p_gate_results, 'result_bytes');
  perform _refuse_size((
    select jsonb_build_object('argument', 'p_gate_results', 'count', count(*), 'limit', l.limits -> 'patterns',
                              'setting', 'size_limits.patterns')
      from jsonb_object_keys(p_gate_results) g
     cross join _size_limits() l (limits)
     group by l.limits
    having count(*) > (l.limits ->> 'patterns')::integer));
  v_threshold := fn_gate_threshold(v_type)::numeric;
  v_skips := fn_should_skip_gates(array(select jsonb_object_keys(p_gate_results)), v_type);

  for v_gate in
    select w.key, w.result, (w.result ->> '_skipped')::boolean as skipped,
           (w.result ->> 'required')::boolean as required, (w.result ->> 'weight')::numeric as weight,
           (w.result ->> 'score')::numeric as score,
           (w.result ->> 'maxScore')::numeric as max_score
      from (select g.key, _weigh_gate(g.key, g.value, v_skips -> g.key) as result from jsonb_each(p_gate_results) g
            -- Each gate is weighed once, not for each column that reads it.
            offset 0) w
     order by (w.result ->> 'tier')::numeric, w.key
  loop
    v_gates := v_gates || jsonb_build_object(v_gate.key, v_gate.result);
    v_fixed := v_fixed + (v_gate.result #> '{_validation,fixed}' <> '0')::integer;
    continue when v_gate.skipped or not v_gate.required;
    if v_gate.result -> 'passed' = 'false' then
      v_failed := coalesce(v_failed, v_gate.key);
      v_issues := v_issues
        || case v_gate.result -> 'issues' when '[]' then jsonb_build_array(format('gate %s did not pass', v_gate.key))
           else v_gate.result -> 'issues' end;
    end if;
    v_above := v_above * v_gate.max_score + v_gate.weight * 100 * v_gate.score * v_below;
    v_below := v_below * v_gate.max_score;
    v_weights := v_weights + v_gate.weight;
  end loop;

  if v_weights > 0 then
    v_score := div(v_above * 100, v_below * v_weights) * 0.01;
    v_short := v_above < v_threshold * v_below * v_weights;
    if v_short and v_failed is null then
      v_failed := 'SD_TYPE_THRESHOLD';
      v_issues := v_issues || to_jsonb(format('SD type ''%s'' requires %s%% gate score, got %s%%',
                                              coalesce(v_type, 'unknown'), trim_scale(v_threshold), v_score));
    end if;
  end if;
  return jsonb_build_object(
    'passed', v_failed is null, 'normalizedScore', v_score, 'threshold', v_threshold, 'failedGate', v_failed,
    'thresholdViolation', case when v_short then
      jsonb_build_object('sdType', v_type, 'required', v_threshold, 'actual', v_score) end,
    'reason', case when v_weights > 0 then null
                   when v_gates = '{}' then 'no gate was given'
                   else 'every gate is skipped or advisory' end,
    'issues', v_issues, 'gates', v_gates, 'fixed', v_fixed);
end;
$$;
comment on function fn_evaluate_gates(text, jsonb) is
  'Whether a directive passes its gates: p_gate_results are results by gate, each with an optional weight (1), '
  'required (true) and tier (1). {"passed", "normalizedScore", "threshold", "failedGate", "thresholdViolation", '
  '"reason", "issues", "gates", "fixed"}; the score is exact, shown rounded down. OPS_012 for an unknown directive, '
  'OPS_018 for results that are no object.';
