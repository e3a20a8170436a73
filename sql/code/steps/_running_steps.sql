create or replace function _running_steps(p_limit integer, p_before_epoch integer default null)
returns uuid[]
language plpgsql
stable
set search_path from current
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
-- Up to p_limit running steps, of any epoch or of those before p_before_epoch. There is no index on status, on purpose:
-- every claim would have to write it. Each running step has a timer; of the latest timers the first 100,000 steps are
-- looked at. (A finished step keeps its timer until that is due.)
-- Locks: none. Writes: nothing. Raises: nothing.
begin
  return array(
    select s.id
      from (select distinct l.id
              from (select u.id
                      from (select t.step_ids from ops_timers t order by t.due_at desc, t.id desc limit 100000) t
                     cross join lateral unnest(t.step_ids) u (id)
                     limit 100000) l) n
     -- Plans 1
     cross join lateral (select t.id, t.status, t.lease_epoch from ops_mission_steps t where t.id = n.id limit 1) s
     where s.status = 'running' and (p_before_epoch is null or s.lease_epoch < p_before_epoch)
     limit p_limit);
end;
$$;
