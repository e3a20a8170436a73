create or replace function m10_recovery.acquire_lock(
  p_lock_name text, p_holder_id text, p_ttl_seconds integer default 60
)
returns boolean
language plpgsql
set search_path from current
as $$
-- As fn_acquire_lock, under the name that migration 022 gave it, with the rights of the caller.
-- Locks, Writes, Raises: as there.
begin
  return fn_acquire_lock(p_lock_name, p_holder_id, p_ttl_seconds);
end;
$$;
