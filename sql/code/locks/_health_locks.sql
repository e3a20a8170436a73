create or replace function _health_locks()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: locks that are held, and those that are over and yet not free.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_over record;
begin
  select * into v_over from _locks_over();
  return query
  values
    ('opsloop_locks_overdue_seconds', extract(epoch from _time_between(v_over.oldest, v_now)),
     coalesce(v_over.said, 'none')),
    ('opsloop_locks_held',
     (select count(*) from (select from distributed_locks l where l.expires_at > v_now limit 10000) h), null);
end;
$$;
