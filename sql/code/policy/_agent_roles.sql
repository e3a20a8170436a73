create or replace function _agent_roles(p_document jsonb)
returns jsonb
language plpgsql
immutable
set search_path from current
as $$
-- The roles of a document agent_roles, {"<role>": {…}}, which may stand under roles or at the top.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return coalesce(
    (select jsonb_object_agg(r.key, r.value)
       from jsonb_each(coalesce(nullif(p_document -> 'roles', 'null'), p_document)) r
      where jsonb_typeof(r.value) = 'object'), '{}');
end;
$$;
