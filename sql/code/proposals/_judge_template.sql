create or replace function _judge_template(p_template jsonb, p_auto_approve jsonb, p_worker_policy jsonb)
returns table (risk smallint, auto_ok boolean, forbidden text, reason text)
language plpgsql
stable
set search_path from current
as $$
-- What policy says about a template: the highest risk of its steps, whether every step may run by itself, and why
-- not; forbidden when a step may not run at all, not even by the decision of a person.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select max(j.risk), bool_and(j.auto_ok),
         string_agg(distinct format('steps.%s: %s', s.key, j.forbidden), '; ') filter (where j.forbidden is not null),
         string_agg(distinct format('steps.%s: %s', s.key, j.reason), '; ') filter (where not j.auto_ok)
    from _template_steps(p_template) s
   cross join lateral _judge_step(s.kind, s.executor, s.params, p_template ->> 'risk_level',
                                  p_auto_approve, p_worker_policy) j;
end;
$$;
