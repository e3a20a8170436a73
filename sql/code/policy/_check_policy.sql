create or replace function _check_policy(p_key text, p_value jsonb)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Raises unless a policy document is sound.
-- Locks: none. Writes: nothing. Raises: OP017 with every fault, OP045 for one that is too large.
declare
  v_limits constant jsonb := _size_limits();
  v_faults text[];
begin
  perform _check_template(p_key, p_value, 'policy_bytes');
  perform _refuse_size((
    select jsonb_build_object('argument', format('%s.%s', p_key, e.key), 'count', n.entries,
                              'limit', v_limits -> 'patterns', 'setting', 'size_limits.patterns')
      from jsonb_each(case jsonb_typeof(p_value) when 'object' then p_value else '{}' end) e
     cross join lateral (
       select case jsonb_typeof(e.value) when 'array' then jsonb_array_length(e.value)
                   when 'object' then (select count(*) from jsonb_object_keys(e.value)) end as entries) n
     where n.entries > (v_limits ->> 'patterns')::integer
     limit 1));
  if p_key = 'worker_policy' and jsonb_typeof(p_value -> 'command_allow') = 'array' then
    perform _refuse_size((
      select jsonb_build_object('argument', 'the lists in worker_policy.command_allow', 'count', n.globs,
                                'limit', 10 * (v_limits ->> 'patterns')::integer, 'setting', 'size_limits.patterns')
        from (select sum(case jsonb_typeof(e -> -1) when 'array' then jsonb_array_length(e -> -1) end) as globs
                from jsonb_array_elements(p_value -> 'command_allow') e) n
       where n.globs > 10 * (v_limits ->> 'patterns')::integer));
  end if;
  v_faults := _policy_faults(p_key, p_value);
  if cardinality(v_faults) > 0 then
    raise exception using
      errcode = 'OP017',
      message = format('OPS_017: invalid policy document %s%s: %s%s', p_key,
                       case p_key when 'reaction_matrix' then ' (OPS_008, reaction pattern invalid)' else '' end,
                       v_faults[1],
                       case when cardinality(v_faults) > 1 then format(' (and %s more)', cardinality(v_faults) - 1)
                         else '' end),
      detail = jsonb_build_object('key', p_key, 'faults', _told_faults(v_faults))::text,
      hint = 'The policy in force is unchanged. Mend every fault listed in the detail and set it again.';
  end if;
end;
$$;
