create or replace function fn_should_skip_gate(p_gate text, p_sd_type text)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- Whether directives of a type skip a gate, and the result that then stands for it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return fn_should_skip_gates(array[p_gate], p_sd_type) -> coalesce(p_gate, '');
end;
$$;
comment on function fn_should_skip_gate(text, text) is
  'Whether directives of a type skip a gate, by the policy document gate_applicability: {"shouldSkip", "reason", '
  '"sdType", "validatorName", "result", "policyVersion"}; an unknown type or gate skips nothing.';
