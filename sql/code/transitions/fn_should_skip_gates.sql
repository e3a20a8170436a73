create or replace function fn_should_skip_gates(p_gates text[], p_sd_type text)
returns jsonb
language plpgsql
stable
security definer
set search_path from current
as $$
-- Which of some gates directives of a type skip, by one version of the policy document.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_policy jsonb;
  v_version integer;
begin
  select p.value, p.version into v_policy, v_version from ops_policy p where p.key = 'gate_applicability';
  return (select coalesce(jsonb_object_agg(coalesce(g, ''), _skip_decision(g, p_sd_type, v_policy, v_version)), '{}')
            from unnest(p_gates) g);
end;
$$;
comment on function fn_should_skip_gates(text[], text) is
  'The answers of fn_should_skip_gate for several gates, by gate.';
