create or replace function ops_recover_expired_leases()
returns table (requeued_steps integer, failed_steps integer)
language plpgsql
set search_path from current
as $$
-- As fn_recover_expired_leases, under the name that the reference loop has, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return query select * from fn_recover_expired_leases();
end;
$$;
