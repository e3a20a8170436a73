create or replace function _judge_templates(
  p_templates jsonb[],
  p_auto_approve jsonb,
  p_worker_policy jsonb,
  out risks smallint[],
  out auto_oks boolean[],
  out forbidden text[],
  out reasons text[]
)
language plpgsql
stable
set search_path from current
as $$
-- What policy says about each of these templates: the highest risk of its steps, whether every step may run by itself,
-- and why not; forbidden when a step may not run at all, not even by the decision of a person. Steps that look the same
-- to policy are judged once; their params are looked at only where policy may have something to say about params of such
-- an executor. A text that would name very many steps is cut.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_long constant integer := 2000;
  v_count constant integer := cardinality(p_templates);
  v_alike record;
  v_verdict record;
  v_no integer;
begin
  risks := array_fill(1::smallint, array[v_count]);
  auto_oks := array_fill(true, array[v_count]);
  forbidden := array_fill(null::text, array[v_count]);
  reasons := forbidden;
  for v_alike in
    select s.kind, s.executor, s.declared, s.params, array_agg(s.no) as nos, array_agg(s.key) as keys
      from (select t.no, e.pos, e.step ->> 'kind' as kind, x.executor, coalesce(e.step ->> 'key', 'step_' || e.pos) as key,
                   coalesce(t.template ->> 'risk_level', 'low') as declared,
                   -- As text: 1 and 1.0 are equal as jsonb, and not the same to a pattern.
                   case when x.executor in ('command', 'agent') or p_worker_policy -> 'presets' ? x.executor or exists (
                          select from jsonb_array_elements(nullif(p_auto_approve -> 'risk_rules', 'null')) r
                           where r ?| array['params', 'unless_params']
                             and coalesce(r ->> 'executor' is null or r -> 'executor' ? x.executor or strpos(r ->> 'executor', '*') > 0, true))
                        then coalesce(nullif(e.step -> 'params', 'null'), '{}')::text else '{}' end as params
              from unnest(p_templates) with ordinality t (template, no)
             cross join lateral jsonb_array_elements(t.template -> 'steps') with ordinality e (step, pos)
             cross join lateral (select coalesce(e.step ->> 'executor', e.step ->> 'kind') as executor) x) s
     group by s.kind, s.executor, s.declared, s.params
     order by min(s.pos), s.kind, s.executor, s.params
  loop
    v_verdict := _judge_step(v_alike.kind, v_alike.executor, v_alike.params::jsonb, v_alike.declared, p_auto_approve, p_worker_policy);
    if v_alike.executor = 'agent' and not _agent_roles() ? (v_alike.params::jsonb ->> 'role') then
      v_verdict.forbidden := format('agent_roles has no role %s', v_alike.params::jsonb ->> 'role');
      v_verdict.reason := v_verdict.forbidden;
    end if;
    continue when v_verdict.reason is null and v_verdict.risk = 1;
    for v_nth in 1 .. cardinality(v_alike.nos) loop
      v_no := v_alike.nos[v_nth];
      risks[v_no] := greatest(risks[v_no], v_verdict.risk);
      if v_verdict.reason is not null then
        auto_oks[v_no] := false;
        if length(reasons[v_no]) > c_long then
          reasons[v_no] := rtrim(reasons[v_no], ';… ') || '; …';
        else
          reasons[v_no] := concat_ws('; ', reasons[v_no], format('steps.%s: %s', v_alike.keys[v_nth], v_verdict.reason));
        end if;
      end if;
      if v_verdict.forbidden is not null then
        if length(forbidden[v_no]) > c_long then
          forbidden[v_no] := rtrim(forbidden[v_no], ';… ') || '; …';
        else
          forbidden[v_no] := concat_ws('; ', forbidden[v_no], format('steps.%s: %s', v_alike.keys[v_nth], v_verdict.forbidden));
        end if;
      end if;
    end loop;
  end loop;
end;
$$;
