create or replace function _open_cap_counter(
  p_scope text,
  p_from timestamptz,
  p_to timestamptz,
  p_source text
)
returns integer
language plpgsql
set search_path from current
as $$
-- Makes the counter of a window, locks it, and returns its value. The value begins with the proposals of the window
-- that were counted before the cap was set. When two sessions make the same counter, the second waits for the first and
-- uses its counter.
-- Locks: ops_cap_counters, FOR UPDATE. Writes: ops_cap_counters. Raises: 55P03 when the caller's lock_timeout is met.
declare
  v_used integer;
begin
  insert into ops_cap_counters (scope, window_start, used)
  values (p_scope, p_from, _count_in_window(p_from, p_to, p_source))
  on conflict do nothing;
  select c.used into v_used
    from ops_cap_counters c
   where c.scope = p_scope and c.window_start = p_from
     for update;
  return v_used;
end;
$$;
