create or replace function _health_outbox()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
set enable_seqscan = off
set jit = off
as $$
-- For fn_check_health and fn_metrics: messages that wait.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_now timestamptz := _now();
  v_pending bigint;
  v_front record;
begin
  select count(*) into v_pending from (select from outbox o where o.processed_at is null limit 10000) p;
  select * into v_front from _outbox_front();
  return query
  values
    ('m10_outbox_pending_gauge', v_pending::numeric, v_pending::text),
    ('opsloop_outbox_oldest_seconds', extract(epoch from _time_between(v_front.oldest, v_now)),
     coalesce(date_trunc('second', _time_between(v_front.oldest, v_now))::text || ', of ' || v_front.aggregate,
              'nothing waits')),
    ('opsloop_outbox_undeliverable', v_front.undeliverable, coalesce(v_front.reasons, 'none'));
end;
$$;
