create or replace function _required_by(p_rules jsonb, p_facts jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- What a document approval_rules asks for in a proposal with these facts; null when no rule is about it, and any one
-- person who may decide is enough. All rules that hold add up: {"rules", "seats": [{"rule", "group", "count"}], "veto",
-- "reason_required", "expires_minutes" (the shortest), "on_expiry" (reject, where any of them says so), "escalate":
-- [{"rule", "group", "event", "after_minutes"}]}. Rules that ask for nobody leave the one seat of anybody. Their order
-- plays no part.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_required jsonb;
  v_seats jsonb;
begin
  if coalesce(p_rules -> 'rules', '[]') in ('[]', 'null') then
    return null;
  end if;
  with rule as materialized (
    select r.value ->> 'name' as name, r.value as rule
      from jsonb_array_elements(p_rules -> 'rules') r (value)
     where _approval_rule_holds(coalesce(r.value -> 'when', '{}'), p_facts)
  )
  select case when count(*) > 0 then jsonb_build_object(
           'rules', jsonb_agg(r.name order by r.name),
           'reason_required', coalesce(bool_or((r.rule ->> 'reason_required')::boolean), false),
           'expires_minutes', min((r.rule ->> 'expires_minutes')::integer),
           'on_expiry', case when bool_and(r.rule ->> 'on_expiry' = 'hold')
                                    filter (where r.rule ->> 'expires_minutes' is not null)
                             then 'hold'
                             when count(r.rule ->> 'expires_minutes') > 0 then 'reject' end,
           'veto', coalesce((select jsonb_agg(distinct v)
                               from rule n
                              cross join lateral jsonb_array_elements(
                                      coalesce(nullif(n.rule -> 'veto', 'null'), '[]')) v), '[]'),
           'escalate', coalesce((select jsonb_agg(jsonb_build_object(
                                          'rule', n.name, 'group', e ->> 'group', 'event', e ->> 'event',
                                          'after_minutes', (e ->> 'after_minutes')::integer) order by n.name, e)
                                   from rule n
                                  cross join lateral jsonb_array_elements(
                                          coalesce(nullif(n.rule -> 'escalate', 'null'), '[]')) e), '[]')) end,
         (select jsonb_agg(jsonb_build_object('rule', n.name, 'group', q ->> 'group',
                                              'count', coalesce((q ->> 'count')::integer, 1)) order by n.name, q)
            from rule n
           cross join lateral jsonb_array_elements(coalesce(nullif(n.rule -> 'require', 'null'), '[]')) q)
    into v_required, v_seats
    from rule r;
  return v_required || jsonb_build_object(
    'seats', coalesce(v_seats, '[{"rule": "built-in", "group": "*", "count": 1}]'));
end;
$$;
