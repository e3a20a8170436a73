create or replace function fn_is_auto_approvable(p_template jsonb)
returns boolean
language plpgsql
stable
security definer
set search_path from current
as $$
-- Whether policy would let a proposal of this template run without the decision of a person, caps apart. Placeholders
-- for results are judged when the results are known, so a step may still be parked then.
-- Locks: none. Writes: nothing. Raises: OP004 with every fault of the template.
declare
  v_faults text[];
begin
  perform _check_template('p_template', p_template, 'template_bytes');
  v_faults := _template_faults(p_template, false);
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'OP004', message = format('OPS_004: invalid proposal template: %s', v_faults[1]),
      detail = to_jsonb(_told_faults(v_faults))::text,
      hint = 'Mend every fault listed in the detail.';
  end if;
  return (select j.codes[1] is null from _judge_templates(array[p_template], _documents_in_force()) j);
end;
$$;
comment on function fn_is_auto_approvable(jsonb) is
  'Whether policy would let a proposal of this template run without a person, caps apart; OPS_004 for a faulty '
  'template.';
