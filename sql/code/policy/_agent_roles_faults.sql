create or replace function _agent_roles_faults(p_value jsonb)
returns text[]
language plpgsql
immutable
set search_path from current
as $$
-- The faults of roles that stand at the top of an agent_roles document: {"<role>": {…}}. Every object there is one.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_defs jsonb;
begin
  if p_value ? 'roles' then
    return '{}'::text[];
  end if;
  v_defs := _policy_schema('agent_roles') -> '$defs';
  return array(
    select f
      from jsonb_each(p_value) r
     cross join lateral unnest(_schema_faults(left(r.key, 200), r.value, v_defs -> 'agent_role', v_defs)) f
     where jsonb_typeof(r.value) = 'object'
     limit 1001);
end;
$$;
