create or replace function fn_atomic_transition(
  p_transition_type text,
  p_sd_id text,
  p_prd_id text default null,
  p_session_id text default null,
  p_request_id text default null,
  p_expected_version integer default null,
  p_context jsonb default null
)
returns jsonb
language plpgsql
security definer
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
-- Moves a directive from phase to phase as the policy document transition_rules says: stories, requirement, directive,
-- claim and log in one, or none of it. Three layers keep callers apart: the claim of a session, a lock on the
-- directive that never waits, and the version that the caller expects. Where something raises, all that was done is
-- undone, a row `failed` stays in the log, and the same error is the answer: raised to the caller it would undo the
-- row. Deferred constraints are checked within, those that the caller's transaction left open as well; they stay
-- immediate until its end.
-- Locks: an advisory one on the request id, 50 ms at most; the directive, never waiting; then its stories and its
-- requirement. Writes: user_stories, product_requirements, strategic_directives, sd_session_claims,
-- sd_transition_audit, ops_audit_log, ops_counts. Raises: 40001 above read committed, when the directive was changed
-- since the snapshot.
declare
  v_rule jsonb := _policy('transition_rules') -> nullif(p_transition_type, 'description');
  v_request_id text := nullif(p_request_id, '');
  v_id text := _directive_id(p_sd_id);
  v_directive strategic_directives;
  v_answer jsonb;
begin
  if v_id is null then
    return _directive_unknown(p_sd_id);
  end if;
  if v_rule is null then
    return _refusal('OPS_012', format('there is no transition %s', quote_nullable(p_transition_type)),
                    'select fn_get_policy(''transition_rules''); has them; opsloop seed puts the defaults in place.',
                    jsonb_build_object('transition_type', p_transition_type));
  end if;

  if v_request_id is not null then
    v_answer := _earlier_answer(v_request_id, p_transition_type, v_id);
    if v_answer is not null then
      return v_answer;
    end if;
    if not _take_request(v_request_id) then
      return coalesce(_earlier_answer(v_request_id, p_transition_type, v_id), _directive_busy(v_id));
    end if;
    v_answer := _earlier_answer(v_request_id, p_transition_type, v_id);
    if v_answer is not null then
      return v_answer;
    end if;
  end if;

  select d.* into v_directive from strategic_directives d where d.id = v_id for no key update skip locked;
  if not found then
    return case when _directive_id(v_id) is null then _directive_unknown(p_sd_id) else _directive_busy(v_id) end;
  end if;
  return coalesce(_transition_refusal(v_directive, v_rule, p_session_id, p_expected_version),
                  _move_directive(v_directive, p_transition_type, v_rule, p_prd_id, p_session_id, v_request_id,
                                  p_context));
end;
$$;
comment on function fn_atomic_transition(text, text, text, text, text, integer, jsonb) is
  'Moves a directive, found by id or sd_key, in one piece, as the rule p_transition_type of the policy document '
  'transition_rules says: {"success": true, "audit_id", "idempotent_hit", "stories_updated", "prd_updated", '
  '"pre_state", "post_state", "transition_version"}. A request id that was completed gives the first answer again. '
  'Refused with {"success": false, "code", "error", "hint", "detail"}: OPS_012 unknown directive or transition, '
  'OPS_070 busy, OPS_071 claimed, OPS_072 wrong phase, OPS_073 another version than p_expected_version, OPS_074 no '
  'such requirement, OPS_075 request id of another transition, OPS_076 ended directive. What raises inside undoes '
  'everything and is answered, and kept in sd_transition_audit, as {"success": false, "error_code", "error_message", '
  '"failed_step", "pre_state", "partial_state", "recovery_action"}.';
