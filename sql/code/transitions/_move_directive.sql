create or replace function _move_directive(
  p_directive strategic_directives,
  p_transition_type text,
  p_rule jsonb,
  p_prd_id text,
  p_session_id text,
  p_request_id text,
  p_context jsonb
)
returns jsonb
language plpgsql
set search_path from current
as $$
-- Carries a transition out, all of it or none; the caller holds the lock on the directive and has refused what cannot
-- be. Time is measured by clock_timestamp(): now() stands still in a transaction, and _now() in tests.
-- Locks: the stories, the requirement. Writes: see fn_atomic_transition. Raises: nothing but what keeps it from
-- recording the failure.
declare
  v_started timestamptz := _now();
  v_clock timestamptz := clock_timestamp();
  v_step text := '4a. Transition user stories';
  v_from jsonb;
  v_becomes jsonb;
  v_status text;
  v_implementation text;
  v_stories integer := 0;
  v_prd_updated boolean := false;
  v_after strategic_directives;
  v_prd product_requirements;
  v_prd_after product_requirements;
  v_audit sd_transition_audit;
  v_error jsonb;
  v_state text;
  v_message text;
  v_hint text;
  v_constraint text;
  -- The refusal of this routine itself, as a sentence without its code; it outlives the block that is undone.
  v_refusal text;
begin
  v_audit.id := _uuid_v7();
  select r.* into v_prd from product_requirements r where r.id = p_prd_id and r.sd_id = p_directive.id;
  begin
    if p_rule ? 'stories' then
      v_from := case jsonb_typeof(p_rule #> '{stories,from}') when 'array' then p_rule #> '{stories,from}' end;
      v_becomes := p_rule #> '{stories,status}';
      v_status := p_rule #>> '{stories,set,status}';
      v_implementation := p_rule #>> '{stories,set,implementation_status}';
      update user_stories s
         set status = coalesce(v_becomes ->> s.status, v_status, s.status),
             implementation_status = coalesce(v_implementation, s.implementation_status), updated_at = v_started
       where s.sd_id = p_directive.id and (v_from is null or v_from ? s.status);
      get diagnostics v_stories = row_count;
    end if;

    v_step := '4b. Transition PRD';
    if p_prd_id is not null then
      select r.* into v_prd
        from product_requirements r
       where r.id = p_prd_id and r.sd_id = p_directive.id
         for no key update;
      if not found then
        v_refusal := format('directive %s has no requirement %s', p_directive.id, p_prd_id);
        raise exception using errcode = 'OP074', message = 'OPS_074: ' || v_refusal,
          hint = format('Name a requirement of that directive, or none; these are its own: '
                        'select id from product_requirements where sd_id = %L;', p_directive.id);
      end if;
      v_prd_after := v_prd;
      if p_rule ? 'requirement' then
        update product_requirements r
           set status = coalesce(p_rule #>> '{requirement,set,status}', r.status),
               phase = coalesce(p_rule #>> '{requirement,set,phase}', r.phase),
               updated_at = v_started
         where r.id = v_prd.id
        returning r.* into v_prd_after;
        if not found then
          v_refusal := format('a trigger kept requirement %s as it was', p_prd_id);
          raise exception using errcode = 'OP014', message = 'OPS_014: ' || v_refusal,
            hint = 'Look at the triggers of product_requirements.';
        end if;
        v_prd_updated := true;
      end if;
    end if;

    v_step := '4c. Transition SD';
    update strategic_directives d
       set current_phase = p_rule ->> 'to',
           status = coalesce(p_rule ->> 'sd_status', d.status),
           transition_version = d.transition_version + 1,
           updated_at = v_started
     where d.id = p_directive.id
    returning d.* into v_after;
    if not found then
      v_refusal := format('a trigger kept directive %s as it was', p_directive.id);
      raise exception using errcode = 'OP014', message = 'OPS_014: ' || v_refusal,
        hint = 'Look at the triggers of strategic_directives.';
    end if;

    v_step := '4d. Extend session claim';
    update sd_session_claims c
       set heartbeat_at = v_started, expires_at = _redated(c.expires_at, c.heartbeat_at, v_started)
     where c.sd_id = p_directive.id and c.session_id = p_session_id and c.expires_at > v_started;

    v_step := '5. Check deferred constraints';
    set constraints all immediate;

    v_step := '6. Record transition';
    perform _audit('transition', 'directive', p_directive.id, p_session_id, null,
                   jsonb_build_object('transition_type', p_transition_type, 'audit_id', v_audit.id,
                                      'request_id', p_request_id, 'from', p_directive.current_phase,
                                      'to', v_after.current_phase, 'context', p_context));
    insert into sd_transition_audit (id, sd_id, transition_type, prd_id, session_id, request_id, pre_state, post_state,
                                     stories_updated, prd_updated, transition_version, status, created_at, updated_at,
                                     started_at, completed_at)
    select v_audit.id, p_directive.id, p_transition_type, p_prd_id, p_session_id, p_request_id,
           _directive_state(p_directive, v_prd), _directive_state(v_after, v_prd_after), v_stories, v_prd_updated,
           v_after.transition_version, 'completed', v_started, e.at, v_started, e.at
      from (values (v_started + greatest(clock_timestamp() - v_clock, interval '1 microsecond'))) e (at)
    returning * into v_audit;
    perform _count('opsloop_transitions_completed_total');
    return _transition_answer(v_audit, false);
  exception
    -- The first two are not among the others.
    when query_canceled or assert_failure or others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_hint = pg_exception_hint,
        v_constraint = constraint_name;
  end;

  v_error := jsonb_build_object(
    'error_code', v_state,
    'error_message', v_message,
    'failed_step', v_step,
    'pre_state', jsonb_build_object('sd_phase', p_directive.current_phase, 'prd_status', v_prd.status),
    'partial_state', jsonb_build_object('user_stories_updated', v_stories, 'prd_updated', v_prd_updated),
    'recovery_action', _recovery_action(v_state, v_step, v_constraint, v_hint));
  insert into sd_transition_audit (id, sd_id, transition_type, prd_id, session_id, request_id, pre_state, status,
                                   error_message, error_details, created_at, updated_at, started_at)
  values (v_audit.id, p_directive.id, p_transition_type, p_prd_id, p_session_id, p_request_id,
          _directive_state(p_directive, v_prd), 'failed', v_message, v_error, v_started,
          v_started + greatest(clock_timestamp() - v_clock, interval '1 microsecond'), v_started);
  perform _count('opsloop_transitions_failed_total');
  return case when v_state like 'OP0__' then
           _refusal(_error_code(v_state), coalesce(v_refusal, v_message), v_hint,
                    jsonb_build_object('sd_id', p_directive.id, 'prd_id', p_prd_id))
           else '{}' end
         || v_error || '{"success": false}';
end;
$$;
