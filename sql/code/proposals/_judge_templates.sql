create or replace function _judge_templates(p_templates jsonb[], p_auto_approve jsonb, p_worker_policy jsonb)
returns table (no integer, risk smallint, auto_ok boolean, forbidden text, reason text)
language plpgsql
stable
set search_path from current
as $$
-- What policy says about templates: the highest risk of their steps, whether every step may run by itself, and why
-- not; forbidden when a step may not run at all, not even by the decision of a person. Steps that look the same to
-- policy are judged once; their params are looked at only where policy may have something to say about params of such an
-- executor. no: the place of the template in p_templates.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  with step as materialized (
    select s.no, s.key, s.kind, s.executor, coalesce(p_templates[s.no] ->> 'risk_level', 'low') as declared,
           -- As text: 1 and 1.0 are equal as jsonb, and not the same to a pattern.
           case when s.executor in ('command', 'agent') or p_worker_policy -> 'presets' ? s.executor or exists (
                  select from jsonb_array_elements(nullif(p_auto_approve -> 'risk_rules', 'null')) r
                   where r ?| array['params', 'unless_params']
                     and coalesce(r ->> 'executor' is null or r -> 'executor' ? s.executor or strpos(r ->> 'executor', '*') > 0, true))
                then s.params::text else '{}' end as params
      from _template_steps(p_templates) s
  ), judged as materialized (
    select d.*, j.risk, j.auto_ok and a.fault is null as auto_ok, coalesce(a.fault, j.forbidden) as forbidden,
           coalesce(a.fault, j.reason) as reason
      from (select distinct s.kind, s.executor, s.params, s.declared from step s) d
     cross join lateral _judge_step(d.kind, d.executor, d.params::jsonb, d.declared, p_auto_approve, p_worker_policy) j
     cross join lateral (
       select case when d.executor = 'agent' and not _agent_roles() ? (d.params::jsonb ->> 'role')
                   then format('agent_roles has no role %s', d.params::jsonb ->> 'role') end as fault) a
  )
  select s.no, max(j.risk), bool_and(j.auto_ok),
         string_agg(distinct format('steps.%s: %s', s.key, j.forbidden), '; ') filter (where j.forbidden is not null),
         string_agg(distinct format('steps.%s: %s', s.key, j.reason), '; ') filter (where not j.auto_ok)
    from step s
    join judged j using (kind, executor, params, declared)
   group by s.no
   order by s.no;
end;
$$;
