create or replace function _agent_roles()
returns jsonb
language plpgsql
stable
set search_path from current
as $$
-- The agent roles in force, {"<role>": {…}}, wherever the document has them: under roles or directly at the top.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_policy jsonb := _policy('agent_roles');
begin
  return coalesce(
    (select jsonb_object_agg(r.key, r.value)
       from jsonb_each(coalesce(nullif(v_policy -> 'roles', 'null'), v_policy)) r
      where jsonb_typeof(r.value) = 'object'), '{}');
end;
$$;
