create or replace function _check_policy(p_key text, p_value jsonb)
returns void
language plpgsql
stable
set search_path from current
as $$
-- Raises unless a policy document is sound.
-- Locks: none. Writes: nothing. Raises: OP017 with every fault, OP045 for one that is too
-- large.
declare
  v_faults text[];
begin
  perform _check_size(p_key, p_value, 'policy_bytes');
  v_faults := _policy_faults(p_key, p_value);
  if cardinality(v_faults) > 0 then
    raise exception using
      errcode = 'OP017',
      message = format('OPS_017: invalid policy document %s%s: %s%s', p_key,
                       case p_key when 'reaction_matrix' then ' (OPS_008, reaction pattern invalid)' else '' end,
                       v_faults[1],
                       case when cardinality(v_faults) > 1 then format(' (and %s more)', cardinality(v_faults) - 1)
                         else '' end),
      detail = jsonb_build_object('key', p_key, 'faults', v_faults)::text,
      hint = 'The policy in force is unchanged. Mend every fault listed in the detail and set it again.';
  end if;
end;
$$;
