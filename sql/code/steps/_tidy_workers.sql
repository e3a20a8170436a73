create or replace function _tidy_workers(p_now timestamptz)
returns void
language plpgsql
set search_path from current
as $$
-- A worker that vanished in its sleep must not make producers notify for ever; one unseen for a week is forgotten.
-- Locks: workers, SKIP LOCKED. Writes: ops_workers. Raises: nothing.
begin
  update ops_workers w
     set idle = false
   where w.worker_id in (select i.worker_id from ops_workers_seen i
                          where i.idle and i.live_until < p_now
                            for update skip locked);
  delete from ops_workers w
   where w.worker_id in (select o.worker_id from ops_workers o
                          where o.last_seen_at < p_now - interval '7 days'
                            for update skip locked);
end;
$$;
