create or replace function fn_execute_handoff(
  p_handoff_type text,
  p_sd_id text,
  p_prd_id text default null,
  p_session_id text default null,
  p_gate_results jsonb default null,
  p_request_id text default null
)
returns jsonb
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
-- Hands a directive over: its gates, then the transition of that name, in one transaction. Leaves one row of
-- sd_phase_handoffs whatever comes of it, but none for a request that was carried out before. Where the rule says
-- "gates": true, a handoff without results does not pass.
-- Locks: those of fn_atomic_transition. Writes: sd_phase_handoffs, ops_audit_log, ops_counts, and what
-- fn_atomic_transition writes. Raises: OP018 when p_gate_results is no object, OP045 when it is too large.
declare
  v_clock timestamptz := clock_timestamp();
  v_type text := lower(replace(p_handoff_type, '-', '_'));
  v_rule jsonb := _policy('transition_rules') -> nullif(v_type, 'description');
  v_request_id text := nullif(p_request_id, '');
  v_scores jsonb := '{}';
  v_answer jsonb;
  v_directive strategic_directives;
  v_handoff sd_phase_handoffs;
begin
  select d.* into v_directive from strategic_directives d where d.id = _directive_id(p_sd_id);
  if not found then
    return _directive_unknown(p_sd_id);
  end if;
  if v_rule is null then
    return _refusal('OPS_012', format('there is no handoff %s', quote_nullable(p_handoff_type)),
                    'select fn_get_policy(''transition_rules''); has them: exec_to_plan is EXEC-TO-PLAN.',
                    jsonb_build_object('handoff_type', p_handoff_type));
  end if;

  if not exists (select from sd_transition_audit a where a.request_id = v_request_id and a.status = 'completed') then
    v_scores := fn_evaluate_gates(v_directive.id, p_gate_results);
    if v_rule -> 'gates' = 'true' and coalesce(p_gate_results, '{}') = '{}' then
      v_scores := v_scores || jsonb_build_object(
        'passed', false, 'issues', jsonb_build_array(format('%s needs gate results: none were given', p_handoff_type)));
    end if;
    perform _count('opsloop_gate_results_total', g.n),
            _count('opsloop_gate_results_mended_total', (v_scores ->> 'fixed')::bigint)
       from (select count(*) as n from jsonb_object_keys(v_scores -> 'gates')) g;
  end if;
  if v_scores -> 'passed' = 'false' then
    v_handoff.status := 'blocked';
    v_answer := _refusal('OPS_078', coalesce(v_scores #>> '{issues,0}', 'its gates did not pass'),
                         'Mend what the issues name and hand over again; the gates and the score are in gates.',
                         jsonb_build_object('sd_id', v_directive.id, 'failedGate', v_scores -> 'failedGate',
                                            'thresholdViolation', v_scores -> 'thresholdViolation'));
  else
    v_answer := fn_atomic_transition(v_type, v_directive.id, p_prd_id, p_session_id, v_request_id);
    if v_answer -> 'idempotent_hit' = 'true' then
      select h.* into v_handoff from sd_phase_handoffs h where h.audit_id = (v_answer ->> 'audit_id')::uuid limit 1;
      return _handoff_answer(v_handoff, v_answer);
    end if;
    v_handoff.status := case v_answer ->> 'success' when 'true' then 'accepted' else 'rejected' end;
  end if;

  insert into sd_phase_handoffs (id, sd_id, handoff_type, from_phase, to_phase, status, scores, elements, session_id,
                                 request_id, audit_id, execution_time_ms, created_at)
  values (_uuid_v7(), v_directive.id, upper(replace(v_type, '_', '-')), v_directive.current_phase, v_rule ->> 'to',
          v_handoff.status, v_scores, case v_handoff.status when 'blocked' then '{}' else v_answer end, p_session_id,
          v_request_id, (v_answer ->> 'audit_id')::uuid,
          round(extract(epoch from greatest(clock_timestamp() - v_clock, interval '1 microsecond')) * 1000, 3), _now())
  returning * into v_handoff;
  perform _audit('handoff', 'directive', v_directive.id, p_session_id, null,
                 jsonb_build_object('handoff_id', v_handoff.id, 'handoff_type', v_handoff.handoff_type, 'status',
                                    v_handoff.status, 'normalizedScore', v_scores -> 'normalizedScore', 'threshold',
                                    v_scores -> 'threshold', 'failedGate', v_scores -> 'failedGate'));
  return _handoff_answer(v_handoff, v_answer);
end;
$$;
comment on function fn_execute_handoff(text, text, text, text, jsonb, text) is
  'Hands a directive over, such as EXEC-TO-PLAN: its gates (fn_evaluate_gates), then the transition, in one: '
  '{"success", "status": accepted, blocked or rejected, "handoff_id", "gates", "execution_time_ms"} and what '
  'fn_atomic_transition answered; OPS_078 when the gates block it. One row of sd_phase_handoffs either way; a request '
  'id that was completed gives the first answer again.';
