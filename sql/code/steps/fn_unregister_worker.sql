create or replace function fn_unregister_worker(p_worker_id text)
returns void
language plpgsql
security definer
set search_path from current
as $$
-- Records that a worker process has ended. Leases that it still has run out.
-- Locks: the worker's row. Writes: ops_workers. Raises: OP015 for another login's worker.
declare
  v_now timestamptz := _now();
begin
  perform _assert_own_worker(p_worker_id);
  update ops_workers
     set stopped_at = v_now, last_seen_at = v_now, idle = false, asleep_until = null
   where worker_id = p_worker_id;
end;
$$;
comment on function fn_unregister_worker(text) is
  'The goodbye of a worker process; leases it still has run out by themselves.';
