create or replace function _release_caps(p_source text, p_counted_at timestamptz)
returns void
language plpgsql
set search_path from current
set lock_timeout = '2s'
as $$
-- Takes a rejected proposal out of the counters of its window: all proposals but the rejected ones count.
-- Locks: ops_cap_counters, two seconds at most. Writes: ops_cap_counters. Raises: OP031.
declare
  v_utc timestamp := p_counted_at at time zone 'UTC';
  v_day timestamptz := date_trunc('day', v_utc) at time zone 'UTC';
  v_hour timestamptz := date_trunc('hour', v_utc) at time zone 'UTC';
begin
  update ops_cap_counters
     set used = used - 1
   where (window_start = v_day and scope in ('day', 'day:' || p_source))
      or (window_start = v_hour and scope in ('hour', 'hour:' || p_source));
exception when lock_not_available then
  perform _raise_held('a cap counter', 'ops_cap_counters');
end;
$$;
