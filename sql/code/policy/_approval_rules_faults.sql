create or replace function _approval_rules_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of an approval_rules document that its schema cannot say: a group that is not in groups, and so would ask
-- for nobody; names that two rules have; on_expiry where nothing expires.
-- Locks: none. Writes: nothing. Raises: nothing, whatever the JSON.
declare
  v_groups constant jsonb := case jsonb_typeof(p_value -> 'groups') when 'object' then p_value -> 'groups'
                             else '{}' end;
begin
  return array(
    with rule as (
      select r.value, format('rules[%s]', r.no - 1) as at, r.no
        from jsonb_array_elements(case jsonb_typeof(p_value -> 'rules') when 'array' then p_value -> 'rules'
                                  else '[]' end) with ordinality r (value, no)
       where jsonb_typeof(r.value) = 'object'
    ), named as (
      select 'break_glass.group' as path, p_value #> '{break_glass,group}' as value, v_groups as groups, 0 as no
      union all
      select format('policy[%s].group', s.no - 1), s.value -> 'group', v_groups || '{"*": {}}', 0
        from jsonb_array_elements(case jsonb_typeof(p_value -> 'policy') when 'array' then p_value -> 'policy'
                                  else '[]' end) with ordinality s (value, no)
      union all
      select format('%s.veto[%s]', r.at, v.no - 1), v.value, v_groups || '{"*": {}}', r.no
        from rule r
       cross join lateral jsonb_array_elements(case jsonb_typeof(r.value -> 'veto') when 'array' then r.value -> 'veto'
                                               else '[]' end) with ordinality v (value, no)
      union all
      select format('%s.%s[%s].group', r.at, f.field, e.no - 1), e.value -> 'group', v_groups || '{"*": {}}', r.no
        from rule r
       cross join unnest(array['require', 'escalate']) f (field)
       cross join lateral jsonb_array_elements(case jsonb_typeof(r.value -> f.field)
                                               when 'array' then r.value -> f.field else '[]' end)
             with ordinality e (value, no)
    ), fault as (
      select n.no, format('%s: there is no group %s in groups', n.path, left(n.value::text, 80)) as told
        from named n
       where jsonb_typeof(n.value) = 'string' and not n.groups ? (n.value #>> '{}')
      union all
      select max(r.no), format('rules: the name %s stands more than once', r.value ->> 'name')
        from rule r
       where r.value ->> 'name' is not null
       group by r.value ->> 'name'
      having count(*) > 1
      union all
      select r.no, r.at || '.on_expiry: says nothing without expires_minutes'
        from rule r
       where coalesce(r.value -> 'on_expiry', 'null') <> 'null'
         and coalesce(r.value -> 'expires_minutes', 'null') = 'null'
    )
    select f.told from fault f order by f.no, f.told limit 1001);
end;
$$;
