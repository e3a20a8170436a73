create or replace function fn_policy_schema(p_key text default null)
returns jsonb
language plpgsql
immutable
security definer
set search_path from current
as $$
-- The JSON Schema (2020-12) of a policy document, or that of a policy file, whose tables are documents. What is checked
-- when a document is set is what it says, and rules that no schema can say. In a file, fields may be left out that a
-- document must have: they stay as they are.
-- Locks: none. Writes: nothing. Raises: OP002 for a document that opsloop does not know.
declare
  c_keys constant text[] := array['reaction_matrix', 'auto_approve', 'proposal_caps', 'worker_policy', 'agent_roles',
                                  'outbox', 'size_limits', 'transition_rules', 'gate_thresholds',
                                  'gate_applicability', 'approval_rules', 'retention', 'sign_in'];
  c_dialect constant jsonb := '{"$schema": "https://json-schema.org/draft/2020-12/schema"}';
  v_schema constant jsonb := _policy_schema(p_key);
  v_properties jsonb := '{}';
  v_defs jsonb := _template_schema() || (_tests_schema() -> '$defs')
                          || (_schedules_schema() -> '$defs');
  v_key text;
begin
  if v_schema is not null then
    return c_dialect || v_schema || jsonb_build_object('$defs', v_defs || (v_schema -> '$defs'));
  end if;
  if p_key is not null then
    raise exception using errcode = 'OP002', message = format('OPS_002: no schema of a policy document %L', p_key),
      detail = jsonb_build_object('key', p_key, 'known', c_keys)::text,
      hint = 'Documents of other names are your own and may be any object.';
  end if;
  foreach v_key in array c_keys loop
    v_properties := v_properties || jsonb_build_object(v_key, _policy_schema(v_key) - '$defs');
    v_defs := v_defs || (_policy_schema(v_key) -> '$defs');
  end loop;
  return c_dialect || jsonb_build_object(
    'title', 'opsloop policy', 'description', 'A policy file: a table for each document.', 'type', 'object',
    'properties', v_properties || jsonb_build_object('tests', _tests_schema() - '$defs', 'schedules',
                                                     _schedules_schema() - '$defs', '$schema',
                                                     '{"type": "string"}'::jsonb),
    'additionalProperties', '{"type": "object"}'::jsonb,
    '$defs', v_defs);
end;
$$;
comment on function fn_policy_schema(text) is
  'The JSON Schema (2020-12) of a policy document, with description, default and example of every field; without p_key '
  'that of a policy file, for editors. OPS_002 for a document that opsloop does not know.';
