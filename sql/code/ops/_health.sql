create or replace function _health()
returns table (name text, at numeric, found text)
language plpgsql
stable
set search_path from current
as $$
-- The present value of every metric without labels that is not a counter, by its name in _measures(): the value (null:
-- there is nothing to measure, which is well), and for a check, in words, what was found. A counter has a row where its
-- check says more than its number.
-- Locks: none. Writes: nothing. Raises: nothing.
declare
  v_state constant jsonb := (select to_jsonb(n) from _present_state() n);
begin
  return query
  select * from _health_ops(v_state)
  union all select * from _health_control(v_state)
  union all select * from _health_steps(v_state)
  union all select * from _health_missions()
  union all select * from _health_approvals(v_state)
  union all select * from _health_proposals()
  union all select * from _health_events(v_state)
  union all select * from _health_locks()
  union all select * from _health_waits()
  union all select * from _health_outbox()
  union all select * from _health_replay()
  union all select * from _health_transitions()
  union all select * from _health_schedules()
  union all select * from _health_retention();
end;
$$;
