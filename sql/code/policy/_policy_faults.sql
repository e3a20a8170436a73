create or replace function _policy_faults(p_key text, p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of a policy document, each beginning with its path, all up to the first thousand; an empty array when it
-- is sound: those that its schema finds, and those that no schema can say. Documents of other names belong to the team
-- and need only be objects. Templates and commands are checked by routines of their own.
-- Locks: none. Writes: nothing. Raises: nothing, whatever the JSON.
declare
  v_schema jsonb;
begin
  if jsonb_typeof(p_value) is distinct from 'object' then
    return array[format('%s: must be an object', p_key)];
  end if;
  v_schema := _policy_schema(p_key);
  return array_remove(array[_number_fault('', p_value)], null)
    || case when v_schema is null then '{}'
            else _schema_faults('', p_value, v_schema, (v_schema -> '$defs') - 'command') end
    || case p_key
         when 'reaction_matrix' then _reaction_matrix_faults(p_value)
         when 'worker_policy' then _worker_policy_faults(p_value)
         when 'agent_roles' then _agent_roles_faults(p_value)
         when 'outbox' then _outbox_policy_faults(p_value)
         when 'gate_thresholds' then _gate_thresholds_faults(p_value)
         when 'gate_applicability' then _gate_applicability_faults(p_value)
         when 'approval_rules' then _approval_rules_faults(p_value)
         else '{}' end;
end;
$$;
