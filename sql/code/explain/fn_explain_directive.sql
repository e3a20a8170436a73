create or replace function fn_explain_directive(p_sd_id text)
returns table (reason text, detail text, statement text)
language plpgsql
stable
security definer
set search_path from current
as $$
-- Why a directive is not moving on: a row for each reason, with the statement that frees it or shows the rest. No row:
-- nothing keeps it.
-- Locks: none. Writes: nothing. Raises: OP012 when there is no such directive.
declare
  v_directive jsonb := fn_show_directive(p_sd_id);
  v_id text := v_directive ->> 'id';
  v_handoff sd_phase_handoffs;
  v_audit sd_transition_audit;
begin
  if v_directive ->> 'status' = any (_ended_directive_statuses()) then
    return query select 'ended', format('it is %s and takes no transition', v_directive ->> 'status'),
      format('update strategic_directives set status = ''active'' where id = %L;', v_id);
  elsif v_directive -> 'transitions' = '[]' then
    return query select 'phase', format('no transition starts from %s', v_directive ->> 'current_phase'),
      'select jsonb_pretty(fn_get_policy(''transition_rules''));'::text;
  end if;
  if v_directive -> 'claim' <> 'null' then
    return query select 'claim',
      format('session %s has it since %s, last sign of life %s, until %s', v_directive #>> '{claim,session_id}',
             v_directive #>> '{claim,claimed_at}', v_directive #>> '{claim,heartbeat_at}',
             v_directive #>> '{claim,expires_at}'),
      format('select fn_release_directive(%L, %L);', v_id, v_directive #>> '{claim,session_id}');
  end if;
  return query
  select 'agents',
    format('sub-agents of %s are not done: %s', r.phase, string_agg(f.code || ' ' || f.status, ', ' order by f.code)),
    format('select jsonb_pretty(fn_sub_agent_summary(%L));', r.id)
    from sub_agent_runs r
   cross join lateral _run_findings(r) f
   where r.sd_id = v_id and r.open and f.status not in ('succeeded', 'failed', 'cancelled', 'reused')
   group by r.id;
  select h.* into v_handoff from sd_phase_handoffs h
   where h.sd_id = v_id order by h.created_at desc, h.id desc limit 1;
  if v_handoff.status = 'blocked' then
    return query select 'gate',
      format('%s was blocked by %s: %s%s', v_handoff.handoff_type,
             coalesce(v_handoff.scores ->> 'failedGate', 'its rule'),
             v_handoff.scores #>> '{issues,0}',
             case when v_handoff.scores -> 'thresholdViolation' <> 'null' then
               format('; %s short', (v_handoff.scores #>> '{thresholdViolation,required}')::numeric
                                    - (v_handoff.scores #>> '{thresholdViolation,actual}')::numeric) else '' end),
      format('select jsonb_pretty(scores) from sd_phase_handoffs where id = %L;', v_handoff.id);
  end if;
  select a.* into v_audit from sd_transition_audit a
   where a.sd_id = v_id order by a.created_at desc, a.id desc limit 1;
  if v_audit.status = 'failed' then
    return query select 'failed',
      format('%s failed in step %s: %s. %s', v_audit.transition_type,
             quote_literal(v_audit.error_details ->> 'failed_step'), v_audit.error_message,
             v_audit.error_details ->> 'recovery_action'),
      format('select jsonb_pretty(error_details) from sd_transition_audit where id = %L;', v_audit.id);
  end if;
end;
$$;
comment on function fn_explain_directive(text) is
  'Why a directive, by id or sd_key, is not moving on: a row for each reason (ended, phase, claim, agents, gate, '
  'failed) with the statement that frees it or shows the rest; none when nothing keeps it. OPS_012 when there is no '
  'such directive.';
