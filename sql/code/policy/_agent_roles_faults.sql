create or replace function _agent_roles_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- What is wrong with an agent_roles document: {"roles": {"<role>": {…}}}, or the roles directly at the top.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_at text := case when p_value ? 'roles' then 'roles.' else '' end;
begin
  return _field_fault('roles', p_value -> 'roles', 'object') || array(
    select f
      from jsonb_each(case jsonb_typeof(p_value -> 'roles') when 'object' then p_value -> 'roles' else p_value - 'roles' end) r
     cross join lateral unnest(
       case when v_at = '' and jsonb_typeof(r.value) <> 'object' then '{}'::text[]
            else _field_fault(v_at || r.key, r.value, 'object')
                 || _field_fault(v_at || r.key || '.model', r.value -> 'model', 'text', 1, 200) end) f);
end;
$$;
