create or replace function _approval_rules_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of an approval_rules document: {"groups", "rules", "publish", "break_glass"}. A rule that names a group
-- which is not in groups would ask for nobody, so that is a fault.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  c_days constant integer := 525600;
  v_groups constant jsonb := case jsonb_typeof(p_value -> 'groups') when 'object' then p_value -> 'groups'
                             else '{}' end;
  v_known constant jsonb := v_groups || '{"*": {}}';
  v_faults text[] := _unknown_field_faults('', p_value, array['groups', 'rules', 'publish', 'break_glass',
                                                              'description'])
    || _field_fault('description', p_value -> 'description', 'text', 0, 10000)
    || _field_fault('groups', p_value -> 'groups', 'object')
    || _field_fault('rules', p_value -> 'rules', 'array')
    || _field_fault('publish', p_value -> 'publish', 'texts')
    || _field_fault('break_glass', p_value -> 'break_glass', 'object')
    || _unknown_field_faults('break_glass', p_value -> 'break_glass', array['group', 'per_month', 'review_hours'])
    || case when jsonb_typeof(p_value -> 'break_glass') = 'object'
            then _missing_field_faults('break_glass', p_value -> 'break_glass', array['group', 'per_month']) end
    || _field_fault('break_glass.per_month', p_value #> '{break_glass,per_month}', 'whole number', 0, 1000)
    || _field_fault('break_glass.review_hours', p_value #> '{break_glass,review_hours}', 'whole number', 1, 8760)
    || _approval_group_fault('break_glass.group', p_value #> '{break_glass,group}', v_groups);
  v_group record;
  v_rule record;
  v_at text;
begin
  for v_group in select e.key, e.value from jsonb_each(v_groups) e loop
    exit when cardinality(v_faults) > 1000;
    v_at := 'groups.' || left(v_group.key, 80);
    v_faults := v_faults
      || case when v_group.key !~ '^[A-Za-z0-9_.:-]{1,128}$'
              then array[v_at || ': a group is named by 1 to 128 letters, digits and _.:-'] end
      || case when jsonb_typeof(v_group.value) <> 'object' then array[v_at || ': must be an object'] end
      || _unknown_field_faults(v_at, v_group.value, array['logins', 'roles', 'description'])
      || case when jsonb_typeof(v_group.value) = 'object'
              then _field_fault(v_at || '.logins', v_group.value -> 'logins', 'texts')
                   || _field_fault(v_at || '.roles', v_group.value -> 'roles', 'texts')
                   || _field_fault(v_at || '.description', v_group.value -> 'description', 'text', 0, 10000) end;
  end loop;
  if jsonb_typeof(p_value -> 'rules') is distinct from 'array' then
    return v_faults;
  end if;

  v_faults := v_faults || array(
    select format('rules: the name %s stands more than once', n.name)
      from (select r.value ->> 'name' as name
              from jsonb_array_elements(p_value -> 'rules') r (value)
             where jsonb_typeof(r.value) = 'object') n
     group by n.name
    having n.name is not null and count(*) > 1
     order by 1);
  for v_rule in select r.value, r.no from jsonb_array_elements(p_value -> 'rules') with ordinality r (value, no) loop
    exit when cardinality(v_faults) > 1000;
    v_at := format('rules[%s]', v_rule.no - 1);
    if jsonb_typeof(v_rule.value) <> 'object' then
      v_faults := v_faults || (v_at || ': must be an object');
      continue;
    end if;
    v_faults := v_faults
      || _unknown_field_faults(v_at, v_rule.value, array['name', 'when', 'require', 'veto', 'reason_required',
                                                         'expires_minutes', 'on_expiry', 'escalate', 'description'])
      || _missing_field_faults(v_at, v_rule.value, array['name'])
      || _field_fault(v_at || '.name', v_rule.value -> 'name', 'text', 1, 200)
      || _field_fault(v_at || '.description', v_rule.value -> 'description', 'text', 0, 10000)
      || _field_fault(v_at || '.when', v_rule.value -> 'when', 'object')
      || _unknown_field_faults(v_at || '.when', v_rule.value -> 'when',
                               array['min_risk', 'executors', 'kinds', 'sources', 'agents'])
      || _field_fault(v_at || '.when.min_risk', v_rule.value #> '{when,min_risk}', 'low|medium|high')
      || _field_fault(v_at || '.when.executors', v_rule.value #> '{when,executors}', 'texts')
      || _field_fault(v_at || '.when.kinds', v_rule.value #> '{when,kinds}', 'texts')
      || _field_fault(v_at || '.when.sources', v_rule.value #> '{when,sources}', 'texts')
      || _field_fault(v_at || '.when.agents', v_rule.value #> '{when,agents}', 'texts')
      || _field_fault(v_at || '.veto', v_rule.value -> 'veto', 'texts')
      || _field_fault(v_at || '.reason_required', v_rule.value -> 'reason_required', 'true or false')
      || _field_fault(v_at || '.expires_minutes', v_rule.value -> 'expires_minutes', 'whole number', 1, c_days)
      || _field_fault(v_at || '.on_expiry', v_rule.value -> 'on_expiry', 'reject|hold')
      || _field_fault(v_at || '.require', v_rule.value -> 'require', 'array')
      || _field_fault(v_at || '.escalate', v_rule.value -> 'escalate', 'array')
      || case when v_rule.value ? 'on_expiry' and not v_rule.value ? 'expires_minutes'
              then array[v_at || '.on_expiry: says nothing without expires_minutes'] end
      || array(
        select f
          from jsonb_array_elements(case jsonb_typeof(v_rule.value -> 'veto') when 'array' then v_rule.value -> 'veto'
                                    else '[]' end) with ordinality e (value, no)
         cross join lateral unnest(_approval_group_fault(format('%s.veto[%s]', v_at, e.no - 1), e.value, v_known)) f)
      || array(
        select f
          from jsonb_array_elements(case jsonb_typeof(v_rule.value -> 'require')
                                      when 'array' then v_rule.value -> 'require' else '[]' end)
               with ordinality e (value, no)
         cross join lateral (select format('%s.require[%s]', v_at, e.no - 1) as at) a
         cross join lateral unnest(
           case when jsonb_typeof(e.value) <> 'object' then array[a.at || ': must be an object'] end
           || _unknown_field_faults(a.at, e.value, array['group', 'count'])
           || case when jsonb_typeof(e.value) = 'object'
                   then _missing_field_faults(a.at, e.value, array['group'])
                        || _field_fault(a.at || '.count', e.value -> 'count', 'whole number', 1, 20)
                        || _approval_group_fault(a.at || '.group', e.value -> 'group', v_known) end) f)
      || array(
        select f
          from jsonb_array_elements(case jsonb_typeof(v_rule.value -> 'escalate')
                                      when 'array' then v_rule.value -> 'escalate' else '[]' end)
               with ordinality e (value, no)
         cross join lateral (select format('%s.escalate[%s]', v_at, e.no - 1) as at) a
         cross join lateral unnest(
           case when jsonb_typeof(e.value) <> 'object' then array[a.at || ': must be an object'] end
           || _unknown_field_faults(a.at, e.value, array['after_minutes', 'group', 'event'])
           || case when jsonb_typeof(e.value) = 'object'
                   then _missing_field_faults(a.at, e.value, array['after_minutes', 'group'])
                        || _field_fault(a.at || '.after_minutes', e.value -> 'after_minutes', 'whole number', 1, c_days)
                        || _field_fault(a.at || '.event', e.value -> 'event', 'name')
                        || case when e.value ->> 'event' !~ '^proposal:.'
                                then array[a.at || '.event: must begin with proposal:, as the loop''s own do'] end
                        || _approval_group_fault(a.at || '.group', e.value -> 'group', v_known) end) f);
  end loop;
  return v_faults;
end;
$$;
