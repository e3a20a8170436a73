create or replace function fn_list_budgets(p_source text default 'manual')
returns table (name text, cap integer, used bigint, remaining bigint, window_end timestamptz)
language plpgsql
stable
security definer
set search_path from current
as $$
-- The caps on proposals of a source, and how many each has left until its window ends; none where nothing limits it.
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return query
  select f.name, f.cap, u.used, greatest(f.cap - u.used, 0), f.window_end
    from _caps_in_force(_policy('proposal_caps'), coalesce(p_source, 'manual'), _now() at time zone 'UTC') f
    left join ops_cap_counters c on c.scope = f.scope and c.window_start = f.window_start
   cross join lateral (
     select coalesce(c.used::bigint, _count_in_window(f.window_start, f.window_end, f.source)) as used) u
   order by f.no;
end;
$$;
comment on function fn_list_budgets(text) is
  'The caps on proposals of a source, how many are used and left of each, and when its window ends.';
