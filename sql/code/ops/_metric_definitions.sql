create or replace function _metric_definitions()
returns table (name text, kind text, help text, alert_above numeric, alert_per text)
language plpgsql
immutable
set search_path from current
as $$
-- The metrics there are, and when a person should look: alert_above is per minute for a counter whose alert_per says
-- so, the value itself for a gauge; null where no number is alarming by itself.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  values
    ('m10_locks_acquired_total', 'counter', 'Locks acquired; extending one does not count.', null::numeric, null::text),
    ('m10_locks_failed_total', 'counter', 'Attempts to acquire a lock that somebody else held.', 10, 'minute'),
    ('m10_replay_duplicates_total', 'counter', 'Replays asked for again after they had been done.', 5, 'minute'),
    ('m10_outbox_pending_gauge', 'gauge', 'Messages in the outbox that wait for delivery.', 100, null),
    ('m10_outbox_retry_total', 'counter', 'Deliveries from the outbox that failed and are tried again.', 20, 'minute');
end;
$$;
