create or replace function _risk_rule_holds(p_rule jsonb, p_kind text, p_executor text, p_params jsonb)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a rule of auto_approve.risk_rules applies to a step: kind, executor (null: any) and every pattern of params
-- match, and not every pattern of unless_params does. A missing path is matched as the empty text. The path * is
-- matched against every value within params, followed by params as JSON.
-- Locks: none. Writes: nothing. Raises: nothing for a sound rule.
begin
  if (p_rule ->> 'executor' is not null and not _matches_any(p_executor, p_rule -> 'executor'))
     or (p_rule ->> 'kind' is not null and not _matches_any(p_kind, p_rule -> 'kind')) then
    return false;
  end if;
  if p_rule ? 'params' and exists (
    select from jsonb_each_text(p_rule -> 'params') c (path, pattern)
     -- A call whose argument names no column is made while planning, whether a pattern has the path * or not.
     where _plain_text(case c.path when '*' then p_params else p_params #> string_to_array(c.path, '.') end)
           || case c.path when '*' then ' ' || coalesce(p_params, '{}')::text else '' end !~* c.pattern) then
    return false;
  end if;
  return not p_rule ? 'unless_params' or exists (
    select from jsonb_each_text(p_rule -> 'unless_params') c (path, pattern)
     where _plain_text(case c.path when '*' then p_params else p_params #> string_to_array(c.path, '.') end)
           || case c.path when '*' then ' ' || coalesce(p_params, '{}')::text else '' end !~* c.pattern);
end;
$$;
