create or replace function _forget_keys()
returns void
language plpgsql
set search_path from current
as $$
-- Deletes idempotency keys whose time is over, the 10,000 oldest at most.
-- Locks: their rows, SKIP LOCKED. Writes: ops_idempotency_keys. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  delete from ops_idempotency_keys d
   where d.key in (select k.key from ops_idempotency_keys k
                    where k.expires_at <= v_now
                    order by k.expires_at
                    limit 10000
                      for update skip locked);
end;
$$;
