create or replace function fn_orchestrate_sub_agents(
  p_sd_id text,
  p_phase text,
  p_session_id text default null,
  p_options jsonb default null
)
returns jsonb
language plpgsql
security definer
set search_path from current
set lock_timeout = '2s'
as $$
-- Proposes one mission of the sub-agents that a phase of a directive needs; policy decides about it as about any other.
-- Independent ones run at once; one that fails cancels those that need it, and no other. What has a result of this hour
-- for the same directive, session and phase is not run again: its first row counts the hit. While such a run is open,
-- it is the answer. {"skip_idempotency": true} runs all of them anew.
-- Locks: an advisory one on directive, phase and session, for which it waits; those of a proposal. Writes:
-- sub_agent_runs, sub_agent_execution_results, and what a proposal writes. Raises: OP004 for sub-agents that make no
-- sound template, OP012 for an unknown directive, OP018 for arguments that cannot be.
declare
  v_directive constant strategic_directives := _known_directive(p_sd_id);
  v_session_id text := nullif(p_session_id, '');
  v_forced boolean := coalesce(p_options -> 'skip_idempotency' = 'true', false);
  v_context jsonb;
  v_faults text[];
  v_agent leo_sub_agents;
  v_needed text[] := '{}';
  v_hit sub_agent_execution_results;
  v_agents jsonb := '{}';
  v_new text[] := '{}';
  v_steps jsonb;
  v_run sub_agent_runs;
  v_made record;
begin
  v_context := jsonb_build_object('sd_id', v_directive.id, 'sd_key', v_directive.sd_key, 'sd_type', v_directive.sd_type,
                                  'current_phase', v_directive.current_phase, 'phase', p_phase,
                                  'session_id', v_session_id);
  v_faults := case when coalesce(p_phase, '') = '' then array['p_phase: must be a text'] else '{}' end
    || case when strpos(v_context::text, '{{') > 0 then array['{{ may not occur: ' || v_context::text] else '{}' end
    || case when jsonb_typeof(p_options) not in ('object', 'null') then array['p_options: must be an object']
            else _unknown_field_faults('p_options', p_options, array['skip_idempotency', 'risk_level', 'priority'])
                 || _field_fault('p_options.skip_idempotency', p_options -> 'skip_idempotency', 'true or false')
                 || _field_fault('p_options.risk_level', p_options -> 'risk_level', 'low|medium|high')
                 || _field_fault('p_options.priority', p_options -> 'priority', 'whole number', -100, 100) end;
  if v_faults <> '{}' then
    raise exception using errcode = 'OP018', message = format('OPS_018: %s', v_faults[1]),
      detail = to_jsonb(_told_faults(v_faults))::text,
      hint = 'For example: select fn_orchestrate_sub_agents(''SD-1'', ''EXEC'', ''session-7'');';
  end if;

  perform pg_advisory_xact_lock('sub_agent_runs'::regclass::oid::integer,
                                hashtext(jsonb_build_array(v_directive.id, p_phase, v_session_id)::text));
  if not v_forced then
    select r.* into v_run
      from sub_agent_runs r
     where r.sd_id = v_directive.id and r.phase = p_phase and r.session_id is not distinct from v_session_id and r.open
     order by r.created_at desc, r.id desc
     limit 1;
    if found then
      return _run_answer(v_run, true);
    end if;
  end if;

  for v_agent in select * from _needed_sub_agents(v_directive, p_phase) loop
    v_needed := v_needed || v_agent.code;
    v_hit := null;
    if not v_forced then
      v_hit := _hit_result(fn_idempotency_key(v_agent.code, array[v_directive.id, v_session_id, p_phase]));
    end if;
    v_agents := v_agents || jsonb_build_object(v_agent.code,
                                               jsonb_build_object('priority', v_agent.priority, 'result_id', v_hit.id));
    if v_hit.id is null then
      v_new := v_new || v_agent.code;
    end if;
  end loop;

  if v_needed <> '{}' and v_new = '{}' then
    select r.* into v_run
      from sub_agent_runs r
     where r.sd_id = v_directive.id and r.phase = p_phase and r.session_id is not distinct from v_session_id
       and not r.forced and r.created_at >= date_trunc('hour', _now(), 'UTC')
       and array(select jsonb_object_keys(r.agents)) = array(select jsonb_object_keys(v_agents))
     order by r.created_at desc, r.id desc
     limit 1;
    if found then
      return _run_answer(v_run, true);
    end if;
  end if;

  if v_new <> '{}' then
    select jsonb_agg(_sub_agent_step(a, array(select n from unnest(a.depends_on) n where n = any (v_new)), v_context)
                     order by a.priority desc, a.code)
      into v_steps
      from leo_sub_agents a
     where a.code = any (v_new);
    select * into v_made
      from fn_create_proposal(
             jsonb_build_object('title', left(format('Sub-agents of %s for %s', p_phase, v_directive.id), 1000),
                                'steps', v_steps) || jsonb_strip_nulls(coalesce(nullif(p_options, 'null'), '{}')
                                                                       - 'skip_idempotency'),
             'sub-agents');
  else
    select null::uuid as proposal_id into v_made;
  end if;
  insert into sub_agent_runs (id, sd_id, phase, session_id, agents, forced, proposal_id, open, created_at)
  values (_uuid_v7(), v_directive.id, p_phase, v_session_id, v_agents, v_forced, v_made.proposal_id, v_new <> '{}',
          _now())
  returning * into v_run;
  return _run_answer(v_run, v_needed <> '{}' and v_new = '{}');
end;
$$;
comment on function fn_orchestrate_sub_agents(text, text, text, jsonb) is
  'Proposes one mission of the sub-agents that a phase of a directive needs: {"run_id", "proposal_id", "status", '
  '"mission_id", "reason", "agents": those it runs, "reused": results of this hour that stand for a run, by code, '
  '"idempotent_hit": true when nothing new was proposed}. p_options: skip_idempotency, risk_level, priority. OPS_004 '
  'when the sub-agents make no sound template, OPS_012 for an unknown directive, OPS_018 for arguments that cannot be.';
