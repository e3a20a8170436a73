create or replace function _caps_reached(p_caps jsonb, p_source text, p_at timestamptz)
returns table (name text, setting text, cap integer, used bigint, source text, window_end timestamptz, refusal text)
language plpgsql
stable
set search_path from current
as $$
-- The caps that have no room for one more proposal of this source, counted at p_at, in the order in which the gate
-- names them. It answers like _reserve_caps without reserving: where a window has no counter yet, its proposals are
-- counted.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select f.name, f.setting, f.cap, u.used, f.source, f.window_end, f.refusal
    from _caps_in_force(p_caps, p_source, p_at at time zone 'UTC') f
    left join ops_cap_counters c on c.scope = f.scope and c.window_start = f.window_start
   cross join lateral (
     select coalesce(c.used::bigint, _count_in_window(f.window_start, f.window_end, f.source)) as used) u
   where u.used >= f.cap
   order by f.no;
end;
$$;
