create or replace function _duty_steps()
returns void
language plpgsql
set search_path from current
as $$
-- For the heartbeat, every ten seconds: clears the idle mark of workers that vanished, or producers would notify them
-- for ever, and deletes workers that were not seen for a week.
-- Locks: workers, SKIP LOCKED. Writes: ops_workers. Raises: nothing.
declare
  v_now timestamptz := _now();
begin
  update ops_workers w
     set idle = false
   where w.worker_id in (select i.worker_id from ops_workers_seen i
                          where i.idle and i.live_until < v_now
                            for update skip locked);
  delete from ops_workers w
   where w.worker_id in (select o.worker_id from ops_workers o
                          where o.last_seen_at < v_now - interval '7 days'
                            for update skip locked);
end;
$$;
