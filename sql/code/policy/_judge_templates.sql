create or replace function _judge_templates(
  p_templates jsonb[],
  p_documents ops_policy_documents,
  out steps ops_template_step[],
  out risks smallint[],
  out codes text[],
  out forbidden text[],
  out reasons text[],
  out findings jsonb[]
)
language plpgsql
stable
set search_path from current
as $$
-- The verdict of these documents on sound templates, caps apart; null templates are skipped. codes: OPS_003 when a step
-- is forbidden, even by the decision of a person (forbidden says why); OPS_009 when a person must decide; null when
-- every step may run by itself. reasons: all that keeps the template from running by itself; of the steps that share a
-- reason ten are named. findings: the same as data, [{"code", "rule", "reason", "steps", "in_all"}], where rule is the
-- path in policy. risks: the highest of the steps. steps: the parsed steps, for the routines that start or show them.
-- Steps that are equal for policy are judged once; their params count only where policy may have a rule about params of
-- that executor.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_named constant integer := 10;
  v_count constant integer := cardinality(p_templates);
  v_auto_approve constant jsonb := p_documents.auto_approve;
  v_worker_policy constant jsonb := p_documents.worker_policy;
  v_risk_rules constant jsonb := coalesce(nullif(v_auto_approve -> 'risk_rules', 'null'), _built_in_risk_rules());
  v_groups text[];
  v_too_many integer[];
  v_allowed boolean[];
  v_places integer[];
  v_place integer;
  v_step ops_template_step;
  v_verdict record;
  v_nos integer[] := '{}'::integer[];
  v_poss integer[] := '{}'::integer[];
  v_keys text[] := '{}'::text[];
  v_whys text[] := '{}'::text[];
  v_codes text[] := '{}'::text[];
  v_rules text[] := '{}'::text[];
  v_told record;
begin
  risks := array_fill(1::smallint, array[v_count]);
  codes := array_fill(null::text, array[v_count]);
  forbidden := codes;
  reasons := codes;
  findings := array_fill(null::jsonb, array[v_count]);
  steps := _template_steps(p_templates);
  if cardinality(steps) > 1 or steps[1].executor = 'command' then
    v_too_many := _too_many_commands(steps, v_worker_policy -> 'command_allow');
  end if;
  if cardinality(steps) = 1 then
    v_groups := '{"{1}"}';
  else
    -- As text: the rows of an array of arrays must have one length.
    select array_agg(g.places::text)
      into v_groups
      from (select array_agg(s.place) as places
              from (select t.kind, t.executor, t.ordinality as place, p_templates[t.no] ->> 'risk_level' as declared,
                           t.no = any (v_too_many) as is_too_many,
                           -- As text: 1 and 1.0 are equal as jsonb, but a regular expression tells them apart.
                           case when t.executor in ('command', 'agent') or v_worker_policy -> 'presets' ? t.executor
                                     or exists (
                                  select from jsonb_array_elements(v_risk_rules) r
                                   where r ?| array['params', 'unless_params']
                                     and coalesce(r ->> 'executor' is null or r -> 'executor' ? t.executor
                                                  or strpos(r ->> 'executor', '*') > 0, true))
                                then t.params::text else '{}' end as params
                      from unnest(steps) with ordinality t) s
             group by s.kind, s.executor, s.declared, s.params, s.is_too_many) g;
    select _allowed_commands(array_agg(case when s.executor = 'command' and (s.no = any (v_too_many)) is not true
                                            then s.params -> 'argv' end order by g.nth),
                             v_worker_policy -> 'command_allow')
      into v_allowed
      from unnest(v_groups) with ordinality g (places, nth)
      left join unnest(steps) with ordinality s on s.ordinality = (g.places::integer[])[1];
  end if;
  for v_nth in 1 .. coalesce(cardinality(v_groups), 0) loop
    v_places := v_groups[v_nth]::integer[];
    v_step := steps[v_places[1]];
    if v_step.executor = 'command' and v_step.no = any (v_too_many) then
      select 1::smallint as risk, 'OPS_003' as code, 'worker_policy.command_allow' as rule,
             'the commands have too many arguments to be compared with the lists in worker_policy.command_allow: '
             'propose fewer at once' as reason
        into v_verdict;
    else
      v_verdict := _judge_step(v_step.kind, v_step.executor, v_step.params,
                               coalesce(p_templates[v_step.no] ->> 'risk_level', 'low'), v_auto_approve,
                               v_worker_policy, v_allowed[v_nth]);
    end if;
    if v_step.executor = 'agent' and not _agent_roles(p_documents.agent_roles) ? (v_step.params ->> 'role') then
      v_verdict.code := 'OPS_003';
      v_verdict.rule := 'agent_roles';
      v_verdict.reason := format('agent_roles has no role %s', v_step.params ->> 'role');
    end if;
    continue when v_verdict.code is null and v_verdict.risk = 1;
    foreach v_place in array v_places loop
      v_step := steps[v_place];
      risks[v_step.no] := greatest(risks[v_step.no], v_verdict.risk);
      if v_verdict.code is not null then
        v_nos := array_append(v_nos, v_step.no);
        v_poss := array_append(v_poss, v_step.pos);
        v_keys := array_append(v_keys, v_step.key);
        v_whys := array_append(v_whys, v_verdict.reason);
        v_codes := array_append(v_codes, v_verdict.code);
        v_rules := array_append(v_rules, v_verdict.rule);
      end if;
    end loop;
  end loop;

  if v_nos <> '{}' then
    for v_told in
      -- The lower code counts: a person cannot decide about a template that has a forbidden step.
      select w.no, min(w.code) as code, string_agg(w.told, '; ' order by w.first) as reasons,
             string_agg(w.told, '; ' order by w.first) filter (where w.code = 'OPS_003') as forbidden,
             jsonb_agg(jsonb_build_object('code', w.code, 'rule', w.rule, 'reason', w.why, 'steps', w.keys,
                                          'in_all', w.in_all) order by w.first) as findings
        from (select n.no, n.code, n.rule, n.why, min(n.pos) as first, count(*) as in_all,
                     array_agg(n.key order by n.pos) filter (where n.nth <= c_named) as keys,
                     string_agg(format('steps.%s: %s', n.key, n.why), '; ' order by n.pos)
                       filter (where n.nth <= c_named)
                     || case when count(*) > c_named then format('; %s more steps: %s', count(*) - c_named, n.why)
                             else '' end as told
                from (select f.*, row_number() over (partition by f.no, f.code, f.rule, f.why order by f.pos) as nth
                        from unnest(v_nos, v_poss, v_keys, v_codes, v_rules, v_whys) f (no, pos, key, code, rule,
                                                                                        why)) n
               group by n.no, n.code, n.rule, n.why) w
       group by w.no
    loop
      codes[v_told.no] := v_told.code;
      reasons[v_told.no] := v_told.reasons;
      forbidden[v_told.no] := v_told.forbidden;
      findings[v_told.no] := v_told.findings;
    end loop;
  end if;
end;
$$;
