create or replace function _open_lanes(
  p_executors text[],
  p_worker_policy jsonb,
  out lanes integer[],
  out priorities smallint[],
  out fronts bigint[]
)
language plpgsql
set search_path from current
as $$
-- The lanes that have steps for a worker: those of the executors it offers (null: of all) that are neither blocked nor
-- paused. Higher priorities first, then the lane whose front has waited longest. fronts: the first place in each that
-- is not empty. All null for no lane.
-- Locks: none that wait. Writes: marks of lanes. Raises: nothing.
declare
  v_paused text[] := array(select p.target from ops_pauses p where p.scope = 'executor');
  -- Where policy restricts nothing, which is the rule, no lane is asked about.
  v_restricts boolean := coalesce(nullif(p_worker_policy -> 'blocked_executors', 'null'), '[]') <> '[]'
                         or coalesce(p_worker_policy -> 'allowed_executors', 'null') <> 'null';
begin
  select array_agg(w.lane), array_agg(w.priority) into lanes, priorities
    from ops_lanes w
   where w.queue = 'steps'
     and (p_executors is null or w.executor = any (p_executors))
     and (v_paused = '{}' or not _executor_names(w.executor, p_worker_policy) && v_paused)
     and (not v_restricts or (_executor_blocked(w.executor, p_worker_policy)).rule is null);
  fronts := _lane_fronts(lanes);
  select array_agg(n.lane), array_agg(n.priority), array_agg(n.front) into lanes, priorities, fronts
    from (select * from unnest(lanes, priorities, fronts) o (lane, priority, front)
           where o.front is not null
           order by o.priority desc, o.front) n;
end;
$$;
