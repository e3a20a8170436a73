create or replace function _policy_faults(p_key text, p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a policy document, each beginning with its path, all up to the first thousand; an empty array when it
-- is sound. Unknown fields are faults: a misspelt limit must not pass for no limit. Documents of other names belong to
-- the team and need only be objects.
-- Locks: none. Writes: nothing. Raises: nothing, whatever the JSON.
begin
  if jsonb_typeof(p_value) is distinct from 'object' then
    return array[format('%s: must be an object', p_key)];
  end if;
  return array_remove(array[_number_fault('', p_value)], null) || case p_key
    when 'reaction_matrix' then _reaction_matrix_faults(p_value)
    when 'auto_approve' then _auto_approve_faults(p_value)
    when 'proposal_caps' then _proposal_caps_faults(p_value)
    when 'worker_policy' then _worker_policy_faults(p_value)
    when 'agent_roles' then _agent_roles_faults(p_value)
    when 'outbox' then _outbox_policy_faults(p_value)
    when 'size_limits' then _size_limits_faults(p_value)
    when 'transition_rules' then _transition_rules_faults(p_value)
    when 'gate_thresholds' then _gate_thresholds_faults(p_value)
    when 'gate_applicability' then _gate_applicability_faults(p_value)
    when 'approval_rules' then _approval_rules_faults(p_value)
    else '{}' end;
end;
$$;
