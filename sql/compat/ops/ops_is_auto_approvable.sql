create or replace function ops_is_auto_approvable(p_template jsonb)
returns boolean
language plpgsql
stable
set search_path from current
as $$
-- As fn_is_auto_approvable, under the name that the reference loop has, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return fn_is_auto_approvable(p_template);
end;
$$;
