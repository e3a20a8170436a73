create or replace function _approval_rule_holds(p_when jsonb, p_facts jsonb)
returns boolean
language plpgsql
immutable
set search_path from current
as $$
-- Whether a rule of approval_rules is about a proposal with these facts (_approval_facts). Every condition that it
-- names must hold; of those about steps it is enough that one step fits.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce(array_position(_risk_levels(), p_facts ->> 'risk')
                  >= coalesce(array_position(_risk_levels(), p_when ->> 'min_risk'), 1), true)
     and (coalesce(jsonb_typeof(p_when -> 'sources'), 'null') = 'null'
          or _matches_any(p_facts ->> 'source', p_when -> 'sources'))
     and not exists (
       select
         from unnest(array['executors', 'kinds', 'agents']) c
        where coalesce(jsonb_typeof(p_when -> c), 'null') <> 'null'
          and not exists (select from jsonb_array_elements_text(p_facts -> c) v where _matches_any(v, p_when -> c)));
end;
$$;
