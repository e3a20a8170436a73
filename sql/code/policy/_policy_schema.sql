create or replace function _policy_schema(p_key text)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The JSON Schema of a policy document, with the definitions that it refers to but for those of templates; null for a
-- document of the team's own, which may be any object.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_schema constant jsonb := case p_key
    when 'reaction_matrix' then _reaction_matrix_schema()
    when 'auto_approve' then _auto_approve_schema()
    when 'proposal_caps' then _proposal_caps_schema()
    when 'worker_policy' then _worker_policy_schema()
    when 'agent_roles' then _agent_roles_schema()
    when 'outbox' then _outbox_schema()
    when 'size_limits' then _size_limits_schema()
    when 'transition_rules' then _transition_rules_schema()
    when 'gate_thresholds' then _gate_thresholds_schema()
    when 'gate_applicability' then _gate_applicability_schema()
    when 'approval_rules' then _approval_rules_schema()
    when 'retention' then _retention_schema()
    when 'sign_in' then _sign_in_schema() end;
begin
  return v_schema || jsonb_build_object('$defs', _schema_definitions() || coalesce(v_schema -> '$defs', '{}'));
end;
$$;
