create or replace function m10_recovery.cleanup_expired_locks()
returns integer
language plpgsql
set search_path from current
as $$
-- As fn_cleanup_expired_locks, under the name that migration 022 gave it, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return fn_cleanup_expired_locks();
end;
$$;
