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
-- an executor. Every reason there is is told; of the steps that share one, ten are named.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_named constant integer := 10;
  v_count constant integer := cardinality(p_templates);
  v_alike record;
  v_verdict record;
  v_nos integer[] := '{}'::integer[];
  v_keys text[] := '{}'::text[];
  v_whys text[] := '{}'::text[];
  v_bans text[] := '{}'::text[];
  v_told record;
begin
  risks := array_fill(1::smallint, array[v_count]);
  auto_oks := array_fill(true, array[v_count]);
  forbidden := array_fill(null::text, array[v_count]);
  reasons := forbidden;
  for v_alike in
    select s.kind, s.executor, s.declared, s.params, array_agg(s.no) as nos, array_agg(s.key) as keys
      from (select t.no, t.pos, t.key, t.kind, t.executor, coalesce(p_templates[t.no] ->> 'risk_level', 'low') as declared,
                   -- As text: 1 and 1.0 are equal as jsonb, and not the same to a pattern.
                   case when t.executor in ('command', 'agent') or p_worker_policy -> 'presets' ? t.executor or exists (
                          select from jsonb_array_elements(nullif(p_auto_approve -> 'risk_rules', 'null')) r
                           where r ?| array['params', 'unless_params']
                             and coalesce(r ->> 'executor' is null or r -> 'executor' ? t.executor or strpos(r ->> 'executor', '*') > 0, true))
                        then t.params::text else '{}' end as params
              from _template_steps(p_templates) t) s
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
      risks[v_alike.nos[v_nth]] := greatest(risks[v_alike.nos[v_nth]], v_verdict.risk);
      if v_verdict.reason is not null then
        v_nos := array_append(v_nos, v_alike.nos[v_nth]);
        v_keys := array_append(v_keys, v_alike.keys[v_nth]);
        v_whys := array_append(v_whys, v_verdict.reason);
        v_bans := array_append(v_bans, v_verdict.forbidden);
      end if;
    end loop;
  end loop;

  if v_nos <> '{}' then
    for v_told in
      select w.no, string_agg(w.told, '; ' order by w.first) as reasons,
             string_agg(w.told, '; ' order by w.first) filter (where w.is_ban) as forbidden
        from (select n.no, min(n.ord) as first, n.is_ban,
                     string_agg(format('steps.%s: %s', n.key, n.why), '; ' order by n.ord) filter (where n.nth <= c_named)
                     || case when count(*) > c_named then format('; %s more steps: %s', count(*) - c_named, n.why) else '' end as told
                from (select u.*, u.ban is not null as is_ban,
                             row_number() over (partition by u.no, u.why, u.ban is not null order by u.ord) as nth
                        from unnest(v_nos, v_keys, v_whys, v_bans) with ordinality u (no, key, why, ban, ord)) n
               group by n.no, n.why, n.is_ban) w
       group by w.no
    loop
      auto_oks[v_told.no] := false;
      reasons[v_told.no] := v_told.reasons;
      forbidden[v_told.no] := v_told.forbidden;
    end loop;
  end if;
end;
$$;
