create or replace function _reserve_caps(p_source text, p_wanted integer, p_created_at timestamptz)
returns table (granted integer, busy boolean, reason text)
language plpgsql
set search_path from current
as $$
-- Counts up to p_wanted proposals of one source against the caps of the UTC day and hour of p_created_at. granted is
-- how many fit under every cap; reason names the cap that was met. busy: a counter stayed locked by another
-- transaction for 50 ms; then nothing is counted and the caller may ask again later.
-- A counter is opened when policy first names its cap, with what its window holds already, and from then on counts
-- until the window ends, also while policy names no such cap: the cap may come back.
-- Locks: ops_cap_counters, the caps of all sources first, then those of the source; 50 ms at most for each.
-- Writes: ops_cap_counters. Raises: nothing.
declare
  v_caps jsonb := _policy('proposal_caps');
  v_utc timestamp := p_created_at at time zone 'UTC';
  v_day timestamptz := date_trunc('day', v_utc) at time zone 'UTC';
  v_hour timestamptz := date_trunc('hour', v_utc) at time zone 'UTC';
  v_timeout text := current_setting('lock_timeout');
  v_cap record;
  v_used integer;
begin
  granted := p_wanted;
  busy := false;

  -- The exception block is what 50 ms of waiting at most costs; this is not the path of steps.
  begin
    perform set_config('lock_timeout', '50ms', true);
    for v_cap in select * from _caps_in_force(v_caps, p_source, v_utc) loop
      select c.used into v_used
        from ops_cap_counters c
       where c.scope = v_cap.scope and c.window_start = v_cap.window_start
         for update;
      if not found then
        v_used := _open_cap_counter(v_cap.scope, v_cap.window_start, v_cap.window_end, v_cap.source);
      end if;
      if v_cap.cap - v_used < granted then
        granted := greatest(v_cap.cap - v_used, 0);
        reason := format('OPS_003: %s %s reached', v_cap.name, v_cap.cap);
      end if;
    end loop;
    update ops_cap_counters c
       set used = c.used + granted
     where (c.window_start = v_day and c.scope in ('day', 'day:' || p_source))
        or (c.window_start = v_hour and c.scope in ('hour', 'hour:' || p_source));
  exception when lock_not_available then
    granted := 0;
    busy := true;
    reason := 'a cap counter is busy; the next heartbeat gates it';
  end;
  perform set_config('lock_timeout', v_timeout, true);
  return next;
end;
$$;
