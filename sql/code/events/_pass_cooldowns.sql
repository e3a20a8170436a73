create or replace function _pass_cooldowns(p_patterns text[], p_minutes numeric[])
returns text[]
language plpgsql
set search_path from current
as $$
-- Returns those of these patterns that have cooled down; each begins a new cooldown now. Exact under concurrency: the
-- row of each pattern stays locked until the caller commits, and patterns are locked in order of name.
-- Locks: ops_pattern_cooldowns, FOR UPDATE, for which it waits. Writes: ops_pattern_cooldowns. Raises: nothing.
declare
  v_now timestamptz;
  v_passed text[];
begin
  insert into ops_pattern_cooldowns (pattern, fired_at)
  select p, '-infinity' from unnest(p_patterns) p order by p
  on conflict do nothing;

  perform from ops_pattern_cooldowns where pattern = any (p_patterns) order by pattern for update;
  v_now := _now();
  select coalesce(array_agg(c.pattern), '{}') into v_passed
    from unnest(p_patterns, p_minutes) p (pattern, minutes)
    join ops_pattern_cooldowns c using (pattern)
   where c.fired_at = '-infinity' or c.fired_at + make_interval(secs => (p.minutes * 60)::double precision) <= v_now;

  update ops_pattern_cooldowns set fired_at = v_now where pattern = any (v_passed);
  return v_passed;
end;
$$;
