create or replace function fn_declare_idle(p_worker_id text)
returns text
language plpgsql
security definer
set search_path from current
as $$
-- A worker declares that it will sleep until it is notified. A transaction that looked for idle workers before this was
-- committed does not notify. So the declaring call gives no ticket. The next call gives one: a transaction id that is
-- higher than those of the transactions that may have missed the declaration. Until fn_idle_settled says that these
-- have ended, the worker keeps polling; else a wake-up could be lost.
-- Locks: the worker's row, SKIP LOCKED: while another session holds it, nothing is declared. Writes: ops_workers.
-- Raises: OP015 for another login's worker.
declare
  v_now timestamptz := _now();
begin
  perform _assert_own_worker(p_worker_id);
  update ops_workers w set idle = true, last_seen_at = v_now
   where w.worker_id = (select k.worker_id from ops_workers k where k.worker_id = p_worker_id and not k.idle
                           for no key update skip locked);
  return case when not found and not exists (select from ops_workers k where k.worker_id = p_worker_id and not k.idle)
              then pg_current_xact_id()::text end;
end;
$$;
comment on function fn_declare_idle(text) is
  'A worker declares that it sleeps until notified, on its notify_channel. Null when it had not been declared idle '
  'before: call it again, after the commit, for a ticket for fn_idle_settled; until that is true the worker keeps '
  'polling.';
