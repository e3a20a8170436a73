create or replace function ops_recover_stale_steps(p_threshold_minutes integer default null)
returns table (recovered_steps integer)
language plpgsql
set search_path from current
as $$
-- As fn_recover_stale_steps, under the name that the reference loop has, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return query select * from fn_recover_stale_steps(p_threshold_minutes);
end;
$$;
